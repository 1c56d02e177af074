"""Secrets by reference: a template tells where a secret is, `{env: NAME}` or `{file: PATH}`, never its value."""

import re
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from raytemplate.errors import UsageError
from raytemplate.redact import SHORTEST, VARIABLES, hide

_MARK = "secret:"
_KINDS = ("env", "file")


_NAMES_ONE = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIAL|SSH_AUTH_SOCK", re.IGNORECASE)
_OF_RAY = "RAY_"
_resolved: set[str] = set()
"""Environment variables that templates have named and this process has resolved."""


@contextmanager
def secrets_set_aside(environ: MutableMapping[str, str]) -> Generator[None]:
    """Inside, the environment has no variable that a template names as a secret, that other tools keep one in, or whose
    name says that it is one. Those of Ray stay, since it needs them.
    """
    names = [name for name in environ if not name.startswith(_OF_RAY) and _is_secret(name)]
    taken = {name: environ.pop(name) for name in names}
    for name in VARIABLES:  # which are redacted while they are in the environment
        hide(taken.get(name, ""))
    try:
        yield
    finally:
        environ.update(taken)


def _is_secret(name: str) -> bool:
    return name in _resolved or name in VARIABLES or _NAMES_ONE.search(name) is not None


def text_or_reference(value: object) -> object:
    """A field that may be a text or a reference, as the single text that plans and records carry.

    A validator for pydantic: a wrong value raises a ValueError that shows nothing of it.
    """
    if isinstance(value, str):
        if value.startswith(_MARK):
            raise ValueError("expected a text, {env: NAME} or {file: PATH}")
        return value
    named = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
    kind, where = next(iter(named.items())) if len(named) == 1 else ("", "")
    if kind not in _KINDS or not isinstance(where, str) or not where:
        raise ValueError("expected a text, {env: NAME} or {file: PATH}")
    return f"{_MARK}{kind}:{where}"


def reference(kind: Literal["env", "file"], where: str) -> str:
    """The reference to an environment variable or a file, as plans carry it."""
    return f"{_MARK}{kind}:{where}"


def only_reference(value: object) -> object:
    """A field that must be a reference, as the single text that plans carry; "" if it is not set. A validator for
    pydantic.
    """
    if value == "":
        return value
    if isinstance(value, str):
        raise ValueError("expected {env: NAME} or {file: PATH}: a template does not hold the key itself")
    return text_or_reference(value)


def is_reference(text: str) -> bool:
    """Whether a field's text is a reference."""
    return text.startswith(_MARK)


def found_from(text: str, folder: Path) -> str:
    """The text with the path of a file reference, which is relative to the template's folder, made absolute."""
    mark = f"{_MARK}file:"
    return f"{mark}{(folder / text.removeprefix(mark)).absolute()}" if text.startswith(mark) else text


def resolve(text: str, field: str, environ: Mapping[str, str], *, said_by: str = "the template") -> str:
    """The secret that a reference names, redacted from now on; any other text unchanged.

    Args:
        field: the dotted path of the field, for errors.
        said_by: what holds the field, for errors.

    Raises:
        UsageError: the secret does not exist, or is too short to be redacted safely.
    """
    if not is_reference(text):
        return text
    kind, _, where = text.removeprefix(_MARK).partition(":")
    value = _of_file(Path(where), field) if kind == "file" else environ.get(where, "")
    _resolved.update([where] if kind == "env" else [])
    if not value:
        cause = f"the file {where} is empty" if kind == "file" else f"the environment variable {where} is not set"
        raise UsageError(f"{field}: {cause}; {said_by} refers to it", next_step="set it where this is typed")
    if len(value) < SHORTEST:
        raise UsageError(
            f"{field}: the secret has fewer than {SHORTEST} characters, too few to keep it out of logs",
            next_step="use a longer one",
        )
    hide(value)
    return value


def _of_file(path: Path, field: str) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "not a text"
        raise UsageError(f"{field}: {path}: cannot be read: {said}", next_step="put the secret there") from None
