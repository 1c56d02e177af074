"""No password stands in a template, whatever layer it came from and whatever field it is in."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from raytemplate.redact import has_password
from raytemplate.spec.locate import Locations

_REFER = "put the whole URL into a variable or file and refer to it: {env: NAME} or {file: PATH}"
_LEAVE_OUT = "leave it out: credentials come from where the tools that use them look"
_MAY_REFER = ("tracking.uri",)


def check_passwords(locations: Locations) -> None:
    """Notes every text with a URL that has a password in it, where nothing else is wrong with it."""
    for path, item in _texts(locations.value, ""):
        where, _, number = path.rpartition(".") if item else (path, "", "")
        if not locations.clean(where):
            continue
        advice = _REFER if where in _MAY_REFER else _LEAVE_OUT
        message = f"a URL with a password in it, and a template holds none; {advice}"
        locations.note(where, message, item=int(number) if item else None)


def _texts(value: Any, path: str, item: bool = False) -> Iterator[tuple[str, bool]]:
    """Path of each such text, and whether it is an item of a list."""
    if isinstance(value, str) and has_password(value):
        yield path, item
    elif isinstance(value, Mapping):
        for key, below in cast("Mapping[str, Any]", value).items():
            yield from _texts(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, below in enumerate(cast("list[Any]", value)):
            yield from _texts(below, f"{path}.{number}", item=not isinstance(below, Mapping))
