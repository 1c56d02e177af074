"""The one way to private parts of Ray, and its off switch: with RAYTEMPLATE_PLAIN_RAY=1 Ray is used as it comes.

For a Ray that was patched or lacks a part, or a platform where a change in it does harm. Everything works then, more
slowly; and when Ray goes in the middle of the work, it may end the process before that was said and recorded
(docs/decisions/0070).
"""

import os
import pkgutil
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

ENVIRONMENT_NAME = "RAYTEMPLATE_PLAIN_RAY"


def is_plain() -> bool:
    """Whether nothing private of Ray is to be used. Unset, empty and 0 are no, all else is yes."""
    return os.environ.get(ENVIRONMENT_NAME, "") not in ("", "0")


def found(*symbols: str) -> tuple[Any, ...] | None:
    """What Ray has under these names, each "module" or "module:attribute"; None if it lacks one, or with the switch."""
    if is_plain():
        return None
    try:
        return tuple(map(pkgutil.resolve_name, symbols))
    except (ImportError, AttributeError):
        return None


def replace(stack: ExitStack, values: Mapping[str, object]) -> None:
    """Other values for attributes of Ray until the stack is left: for all of them, or for none if Ray lacks one."""
    if found(*values) is None:
        return
    for symbol, value in values.items():
        module, _, path = symbol.partition(":")
        inside, _, name = path.rpartition(".")
        owner = pkgutil.resolve_name(f"{module}:{inside}")
        # As it is stored: of a class, `getattr` would give the function inside a static method.
        stack.callback(setattr, owner, name, vars(owner).get(name, getattr(owner, name)))
        setattr(owner, name, value)
