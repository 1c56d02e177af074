"""A template's file and the templates it extends, as layers, lowest first."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, NoReturn, cast

from raytemplate.document import Document, read
from raytemplate.errors import Problem, SpecError, UsageError
from raytemplate.spec.layers import Layer, Level

SHIPPED_PREFIX = "raytemplate:"
_NAME = re.compile(r"[a-z0-9-]+")
_PATH_FIELDS = (("data", "source"),)
_ENDINGS = (".yaml", ".yml")
_MOST_TOLD = 5
"""Files that a message names at most."""


def shipped_folder() -> Path:
    """The folder of the shipped templates: inside the package in a wheel, next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def shipped(name: str) -> Path:
    """The file of a shipped template.

    Raises:
        LookupError: there is no template of that name; the message names the nearest.
    """
    names = sorted(path.stem for path in shipped_folder().glob("*.yaml"))
    if name in names:
        return shipped_folder() / f"{name}.yaml"
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {SHIPPED_PREFIX}{near[0]}?" if near else f"there is {', '.join(names)}"
    raise LookupError(f'no such shipped template: "{name}"; {hint}')


def file_layers(path: Path, name: str) -> list[Layer]:
    """The file and everything it extends, parents first.

    Args:
        name: the file as the user wrote it.

    Raises:
        UsageError: the file itself cannot be read.
        SpecError: a file is not a template, a parent is missing, or parents extend each other in a cycle.
    """
    layer, document = _layer(path, name, Level.FILE, _read(path, name))
    layers, seen, folder = [layer], {path.resolve(): name}, path.parent
    while (written := layers[0].value.get("extends")) is not None:
        location = Problem(where=f"{layers[0].name}:{document.line('extends') or 1}", path="extends", message="")
        child = path
        path, name = _parent(written, child, layers[0].name, location)
        if path.resolve() in seen:
            _refuse(location, f"a cycle: {' extends '.join([*seen.values(), name])}")
        seen[path.resolve()] = name
        layer, document = _layer(path, name, Level.PARENT, _read_parent(path, name, child, location))
        layers.insert(0, _moved(layer, path.parent, folder))
    return layers


def _layer(path: Path, name: str, level: Level, data: bytes) -> tuple[Layer, Document]:
    document = read(data, name)
    value = document.value
    if isinstance(value.get("version"), float):
        value["version"] = document.text("version")  # 1.10 and 1.1 are different versions
    return Layer(
        name=name,
        level=level,
        value=value,
        line=document.line,
        comments=document.comments,
        path=path,
        problems=document.problems,
    ), document


def _read(path: Path, name: str, besides: Path | None = None) -> bytes:
    """The bytes of a file.

    Args:
        besides: the file that extends it, which is not offered in its place.
    """
    if path.is_dir():
        raise UsageError(
            f"{name} is a folder, expected a template file", next_step=f"raytemplate check {name}/FILE.yaml"
        )
    if path.exists() and not path.is_file():  # reading a pipe or a device may never end
        raise UsageError(f"{name} is not a regular file, expected a template file", next_step=f"ls -l {name}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        instead, next_step = _instead(path, besides)
        raise UsageError(f"{name}: no such file{instead}", next_step=next_step) from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror or error}", next_step=f"ls -l {name}") from None


def _instead(path: Path, besides: Path | None) -> tuple[str, str]:
    """The end of the message about a missing file, which names the templates of its folder, and the next command."""
    try:
        there = sorted(one for one in path.parent.iterdir() if one.suffix in _ENDINGS and one != besides)
    except OSError:
        there = []
    if not there:
        return "", "raytemplate init DIR --example flights"
    near = difflib.get_close_matches(path.stem, [one.stem for one in there], n=1)
    if near:
        chosen = next(one for one in there if one.stem == near[0])
        return f"; did you mean {chosen}?", f"raytemplate check {quote(str(chosen))}"
    more = f" and {len(there) - _MOST_TOLD} more" if len(there) > _MOST_TOLD else ""
    chosen = quote(str(there[0])) if len(there) == 1 else "FILE"
    return f"; there is {', '.join(map(str, there[:_MOST_TOLD]))}{more}", f"raytemplate check {chosen}"


def _parent(written: Any, child: Path, child_name: str, location: Problem) -> tuple[Path, str]:
    """Path and shown name of the template in `extends`."""
    if not isinstance(written, str) or not written.strip():
        _refuse(location, "expected another template such as base.yaml or raytemplate:tabular-regression")
    if not written.startswith(SHIPPED_PREFIX):
        return child.parent / written, str(_shown_folder(child, child_name) / written)
    name = written.removeprefix(SHIPPED_PREFIX)
    try:
        return shipped(name if _NAME.fullmatch(name) else name.replace("/", " ")), written
    except LookupError as error:
        _refuse(location, str(error))


def _shown_folder(path: Path, name: str) -> Path:
    """The folder as the user wrote it; for a shipped template its real folder."""
    return path.parent if name.startswith(SHIPPED_PREFIX) else Path(name).parent


def _read_parent(path: Path, name: str, child: Path, location: Problem) -> bytes:
    try:
        return _read(path, name, besides=child)
    except UsageError as error:
        _refuse(location, error.what)


def _moved(layer: Layer, folder: Path, to: Path) -> Layer:
    """A parent's layer with its relative paths rewritten to start from the child's folder."""
    if folder.resolve() == to.resolve():
        return layer
    value: dict[str, Any] = dict(layer.value)
    for namespace, key in _PATH_FIELDS:
        fields = value.get(namespace)
        written = cast("Mapping[str, Any]", fields).get(key) if isinstance(fields, dict) else None
        if isinstance(written, str) and "://" not in written and not os.path.isabs(written):
            moved = os.path.relpath(folder.resolve() / written, to.resolve())
            value[namespace] = {**cast("dict[str, Any]", fields), key: moved}
    return replace(layer, value=value)


def _refuse(location: Problem, message: str) -> NoReturn:
    raise SpecError((Problem(where=location.where, path=location.path, message=message),))
