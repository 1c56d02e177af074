"""Refuses passwords in a template, whatever layer they come from and whatever field they are in."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from raytemplate.redact import has_password
from raytemplate.spec.locate import Locations

_REFER = "put the whole URL into a variable or file and refer to it: {env: NAME} or {file: PATH}"
_LEAVE_OUT = "leave it out: the tools that need credentials look them up themselves"
_MAY_REFER = ("tracking.uri", "tracking.openlineage", "data.sql.url")


def check_passwords(locations: Locations) -> None:
    """Notes every URL with a password in it, unless the field has another problem."""
    for path, item in _texts(locations.value, ""):
        where, _, number = path.rpartition(".") if item else (path, "", "")
        if not locations.clean(where):
            continue
        advice = _REFER if where in _MAY_REFER else _LEAVE_OUT
        message = f"a URL with a password in it, which a template must not hold; {advice}"
        locations.note(where, message, item=int(number) if item else None)


def _texts(value: Any, path: str, item: bool = False) -> Iterator[tuple[str, bool]]:
    """Path of each text that holds a password, and whether it is an item of a list."""
    if isinstance(value, str) and has_password(value):
        yield path, item
    elif isinstance(value, Mapping):
        for key, below in cast("Mapping[str, Any]", value).items():
            yield from _texts(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, below in enumerate(cast("list[Any]", value)):
            yield from _texts(below, f"{path}.{number}", item=not isinstance(below, Mapping))
