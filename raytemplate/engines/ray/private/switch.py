"""The only access to private parts of Ray, with an off switch: with RAYTEMPLATE_PLAIN_RAY=1 Ray is used unchanged.

The switch is for a Ray that was patched or lacks a part, and for platforms on which our changes do harm. Everything
still works, more slowly; but if Ray dies during a run, it may end the process before that is reported and recorded
(docs/decisions/0070).
"""

import os
import pkgutil
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

ENVIRONMENT_NAME = "RAYTEMPLATE_PLAIN_RAY"


def is_plain() -> bool:
    """Whether no private part of Ray may be used: the variable is set, and neither empty nor 0."""
    return os.environ.get(ENVIRONMENT_NAME, "") not in ("", "0")


def found(*symbols: str) -> tuple[Any, ...] | None:
    """The objects with these names, each "module" or "module:attribute"; None if one is missing or the switch is on."""
    if is_plain():
        return None
    try:
        return tuple(map(pkgutil.resolve_name, symbols))
    except (ImportError, AttributeError):
        return None


def replace(stack: ExitStack, values: Mapping[str, object]) -> None:
    """Replace attributes of Ray until the stack is closed; if one is missing, none is replaced."""
    if found(*values) is None:
        return
    for symbol, value in values.items():
        module, _, path = symbol.partition(":")
        inside, _, name = path.rpartition(".")
        owner = pkgutil.resolve_name(f"{module}:{inside}")
        # The attribute as stored: for a class, `getattr` would return the function inside a static method.
        stack.callback(setattr, owner, name, vars(owner).get(name, getattr(owner, name)))
        setattr(owner, name, value)
