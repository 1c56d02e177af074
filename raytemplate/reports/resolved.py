"""The merged template: every value, the layer it came from, and the reason given in the comment beside it."""

from collections.abc import Iterator, Mapping
from typing import Any

from raytemplate.reports.layout import table
from raytemplate.spec.schema import TemplateSpec


def resolved_text(spec: TemplateSpec) -> str:
    """A line for each value: dotted path, value, location, comment. Values that the family does not use come last."""
    rows = [(path, value_text(value), *_place(spec, path)) for path, value in leaves(spec.resolved)]
    lines = [table(rows, gaps=(2, 3, 3), most={1: 48, 3: 60})]
    if spec.dropped:
        lines += ["", f"Not used by {spec.family}, and left out: {', '.join(spec.dropped)}"]
    return "\n".join(lines)


def _place(spec: TemplateSpec, path: str) -> tuple[str, str]:
    origin = spec.origins.get(path)
    return (origin.where, f"# {origin.comment}" if origin.comment else "") if origin else ("default", "")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything except non-empty mappings, which are descended into."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def value_text(value: Any) -> str:
    """A value on one line; "" for None."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()  # as YAML has it
    return "" if value is None else str(value)
