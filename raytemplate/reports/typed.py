"""Commands as a person would type them."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from raytemplate.spec.schema import TemplateSpec

_PYTHON_SET = "set "
"""What the layers of Python's `load(path, set={...})` are called, before the path."""


def command_tail(
    as_of: str,
    sets: Sequence[str],
    variant: str | None,
    workspace: str | None,
    address: str | None = None,
    *,
    no_reuse: bool = False,
) -> str:
    """The options that make the next command mean the same as this one."""
    parts = ["--as-of", as_of] if as_of != "now" else []
    for text in sets:
        parts += ["--set", text]
    if variant:
        parts += ["--variant", variant]
    if workspace:
        parts += ["--workspace", workspace]
    if address:
        parts += ["--address", address]
    if no_reuse:
        parts += ["--no-reuse"]
    return shlex.join(parts)


def sets_of(spec: TemplateSpec) -> tuple[str, ...]:
    """What `load(path, set={...})` set in Python, as `--set` takes it: "training.epochs=3"."""
    names = dict.fromkeys(origin.layer for origin in spec.origins.values())
    paths = [name.removeprefix(_PYTHON_SET) for name in names if name.startswith(_PYTHON_SET)]
    found = {path: _at(spec.resolved, path) for path in paths}
    return tuple(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in found.items())


def _at(value: Any, path: str) -> Any:
    """What is at a dotted path; the keys of `tuning.space` have dots themselves."""
    if path in value:
        return value[path]
    heads = (path[:at] for at, letter in enumerate(path) if letter == ".")
    head = next(head for head in heads if head in value)
    return _at(value[head], path[len(head) + 1 :])
