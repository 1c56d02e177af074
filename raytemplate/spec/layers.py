"""Where values come from, lowest first: parent templates < file < variant < environment < `--set`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, cast

from raytemplate.document import PATH, parse_value, split_path
from raytemplate.errors import Problem, SpecError

VARIANT_FIELDS = ("owner", "expires")
"""Fields that describe a variant itself: its owner, and the last day on which it may be used."""

ENVIRONMENT_PREFIX = "RAYTEMPLATE_SET_"
_QUOTE = 'a name with dots or blanks goes in double quotes, as in features.columns."total amount".transform'
_PASSWORD = re.compile(r"//(?:[^/@\s]+|[^@\s]*:[^@\s]*)@")  # a secret key of AWS may hold a slash


class Level(IntEnum):
    """How close a layer is to the command; a higher level wins."""

    PARENT = 0
    FILE = 1
    VARIANT = 2
    ENVIRONMENT = 3
    SET = 4
    DRAWN = 5


def _no_lines(path: str) -> int:
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """Some values and where they were set."""

    name: str
    """Name shown in problems: a file as the user wrote it, "environment NAME" or "--set a.b=c"."""

    level: Level
    """Precedence of the layer."""

    value: Mapping[str, Any]
    """Nested plain data."""

    line: Callable[[str], int] = field(default=_no_lines, repr=False)
    """Dotted path -> line in the file; 0 if it has none."""

    comments: Mapping[int, str] = field(default_factory=dict[int, str], repr=False)
    """Line in the file -> the comment at its end."""

    path: Path | None = None
    """The file; None if the layer is not one."""

    problems: tuple[Problem, ...] = ()
    """Values in the file that could not be read."""

    inherited: bool = False
    """Whether the layer comes from a parent, which serves templates of several model families."""


Read = tuple[list[Layer], list[Problem]]
"""Layers that could be read, and the problems of those that could not."""


def set_layers(sets: Sequence[str]) -> Read:
    """One layer for each `--set a.b=c`, in the order typed. The value is a YAML scalar, list or mapping.

    Anything but `PATH=VALUE` is a problem.
    """
    return _collect([lambda text=text: _set_layer(text) for text in sets])


def _set_layer(text: str) -> Layer:
    found = PATH.match(text)
    path = found[0] if found else ""
    equals, value = text[len(path) : len(path) + 1], text[len(path) + 1 :]
    name = _PASSWORD.sub("//***@", f"--set {text}")
    if not path or equals != "=":
        hint = f"; {_QUOTE}" if "=" in text else ""
        raise _problem(name, f"expected PATH=VALUE such as training.epochs=3{hint}")
    return Layer(name=name, level=Level.SET, value=nested(path, _read(path, value, name)))


def _read(path: str, text: str, name: str) -> Any:
    """The value that was typed for a field. A version stays as typed, as it does in a file: 1.10 is not 1.1."""
    value = parse_value(text, name)
    return text.strip() if path == "version" and isinstance(value, int | float) else value


def override_layers(overrides: Mapping[str, Any]) -> Read:
    """One layer for each entry of Python's `set={"training.epochs": 10}`; values are plain data.

    Invalid paths and values that YAML cannot hold are problems.
    """
    return _collect([lambda path=path, value=value: _override(path, value) for path, value in overrides.items()])


def _override(path: str, value: Any) -> Layer:
    name = f"set {path}"
    if not PATH.fullmatch(path):
        raise _problem(name, f"expected a dotted path such as training.epochs; {_QUOTE}")
    try:
        return Layer(name=name, level=Level.SET, value=nested(path, plain(value)))
    except TypeError as error:
        raise _problem(name, str(error)) from None


def environment_layers(environ: Mapping[str, str]) -> Read:
    """One layer for each `RAYTEMPLATE_SET_TRAINING__EPOCHS=3`, sorted by name; a double underscore is a dot.

    Names that are not paths and values that are not YAML are problems.
    """
    chosen = sorted(name for name in environ if name.startswith(ENVIRONMENT_PREFIX))
    return _collect([lambda name=name: _environment_layer(name, environ[name]) for name in chosen])


def _environment_layer(variable: str, value: str) -> Layer:
    name = f"environment {variable}"
    path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
    if not PATH.fullmatch(path):
        raise _problem(name, f"expected a name such as {ENVIRONMENT_PREFIX}TRAINING__EPOCHS")
    return Layer(name=name, level=Level.ENVIRONMENT, value=nested(path, _read(path, value, name)))


def variant_layers(files: Iterable[Layer], variant: str) -> list[Layer]:
    """The layers of one variant, one for each file that has it, parents first. Its keys may be dotted."""
    layers: list[Layer] = []
    for file in files:
        variants = file.value.get("variants")
        chosen = cast("dict[str, Any]", variants).get(variant) if isinstance(variants, dict) else None
        if isinstance(chosen, dict):
            value = variant_value(cast("dict[str, Any]", chosen))
            line = _line_below(file, f"variants.{variant}")
            layers.append(
                Layer(
                    name=file.name,
                    level=Level.VARIANT,
                    value=value,
                    line=line,
                    comments=file.comments,
                    inherited=file.level == Level.PARENT,
                )
            )
    return layers


def _line_below(file: Layer, prefix: str) -> Callable[[str], int]:
    def line(path: str) -> int:
        return file.line(f"{prefix}.{path}")

    return line


def variant_value(written: Mapping[str, Any]) -> dict[str, Any]:
    """A variant's values with dotted keys made nested, without the fields that describe the variant itself."""
    value: dict[str, Any] = {}
    for key, below in written.items():
        if key not in VARIANT_FIELDS:
            merge(value, nested(key, below))
    return value


def nested(path: str, value: Any) -> dict[str, Any]:
    """ "a.b", 1 -> {"a": {"b": 1}}"""
    for part in reversed(split_path(path)):
        value = {part: value}
    return value


def merge(into: dict[str, Any], value: Mapping[str, Any]) -> None:
    """Merges `value` into `into`: mappings merge, everything else is replaced. `into` holds copies, not `value`."""
    for key, above in value.items():
        below = into.get(key)
        if isinstance(below, dict) and isinstance(above, dict):
            merge(cast("dict[str, Any]", below), cast("dict[str, Any]", above))
        else:
            into[key] = plain(above)


def plain(value: Any) -> Any:
    """A copy of plain data; tuples become lists.

    Raises:
        TypeError: a value that YAML cannot hold.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    raise TypeError(f"got {value!r}, expected text, a number, true or false, a list or a mapping")


def _collect(makers: Sequence[Callable[[], Layer]]) -> Read:
    """The layers that could be made, and the problems of those that could not."""
    layers: list[Layer] = []
    problems: list[Problem] = []
    for make in makers:
        try:
            layers.append(make())
        except SpecError as error:
            problems.extend(error.problems)
    return layers, problems


def _problem(name: str, message: str) -> SpecError:
    return SpecError((Problem(where=name, path="", message=message),))
