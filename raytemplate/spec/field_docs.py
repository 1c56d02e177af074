"""What one field means, expects and defaults to, read from the JSON Schema of a template."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from raytemplate.errors import UsageError
from raytemplate.spec.json_schema import Schema, definition
from raytemplate.spec.wording import either, show_value

ANY = "NAME"
"""Part of a listed path that represents a name the author chooses, such as that of a column."""

_PLURAL = {"string": "texts", "integer": "whole numbers", "number": "numbers", "boolean": "true or false"}
_SINGLE = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldDoc:
    """One field of a template."""

    path: str
    """Dotted path, as in a template."""

    meaning: str
    """Prose from the field's docstring."""

    expected: str
    """What a value looks like: "a whole number, 1 or more"."""

    default: Any = None
    """The default as a template would have it; None if the prose gives it or there is none."""

    kinds: tuple[str, ...] = ()
    """Model families or kinds of feature that have the field; empty if it does not depend on them."""

    inside: tuple[str, ...] = ()
    """Names of the fields below it, or of its plug-ins."""


def field_docs(schema: Schema, path: str) -> tuple[FieldDoc, ...]:
    """The field at a dotted path; several if families or kinds of feature use the name differently.

    Raises:
        UsageError: no such field; the message names the nearest.
    """
    found: list[tuple[Schema, str]] = [(schema, "")]
    for key in path.split("."):
        found = [step for one, kind in found for step in _step(schema, one, key, kind)]
    if not found:
        raise UsageError(f"schema: no such field: {path}; {_nearest(schema, path)}", next_step="raytemplate schema")
    docs: list[FieldDoc] = []
    for one, kind in found:
        _add(docs, _doc(schema, one, path), kind)
    return tuple(docs)


def all_paths(schema: Schema) -> tuple[str, ...]:
    """Every dotted path once, in the order of a file; `variants`, which repeats them all, is listed as one."""
    return tuple(dict.fromkeys(_paths(schema, schema, "")))


def _paths(schema: Schema, one: Schema, prefix: str) -> Iterator[str]:
    for alternative, _ in _alternatives(schema, one, ""):
        below: Schema = {**alternative.get("properties", {})}
        if isinstance(open_to := alternative.get("additionalProperties"), dict):
            below[ANY] = open_to
        for name, inner in below.items():
            yield f"{prefix}{name}"
            if f"{prefix}{name}" != "variants":
                yield from _paths(schema, inner, f"{prefix}{name}.")


def _add(docs: list[FieldDoc], doc: FieldDoc, kind: str) -> None:
    """Adds a field or, if another kind already has the same one, adds the kind to that."""
    for location, other in enumerate(docs):
        if doc.path.endswith(".kind") and not kind:
            docs[location] = replace(other, expected=f"{other.expected}, {doc.expected}")
            return
        if replace(other, kinds=()) == doc:
            docs[location] = replace(other, kinds=(*other.kinds, kind) if kind else other.kinds)
            return
    docs.append(replace(doc, kinds=(kind,) if kind else ()))


def _step(schema: Schema, one: Schema, key: str, kind: str) -> Iterator[tuple[Schema, str]]:
    """What is below `one` under `key`, with the family or kind of feature that led there."""
    for alternative, named in _alternatives(schema, one, kind):
        fields = cast("Schema", alternative.get("properties", {}))
        rest = alternative.get("additionalProperties")
        if key in fields:
            yield fields[key], "" if key == "kind" else named
        elif isinstance(rest, dict):
            about = {} if definition(schema["$defs"], rest).get("description") else alternative
            yield {**{k: about[k] for k in ("description",) if k in about}, **cast("Schema", rest)}, named


def _alternatives(schema: Schema, one: Schema, kind: str) -> Iterator[tuple[Schema, str]]:
    for option in one.get("anyOf", [one]):
        found = definition(schema["$defs"], option)
        if found is not option and "anyOf" in found:
            yield from _alternatives(schema, found, kind)
        else:
            yield found, found.get("properties", {}).get("kind", {}).get("const", kind)


def _doc(schema: Schema, one: Schema, path: str) -> FieldDoc:
    whole = definition(schema["$defs"], one)
    # A field's own docstring takes precedence over that of its model.
    meaning = one.get("description") or whole.get("description", "")
    names: dict[str, None] = {}
    for option, _ in _alternatives(schema, one, ""):
        names |= dict.fromkeys(name for name in option.get("properties", {}) if "." not in name)
    default = one.get("default")
    shown = default if default not in ("", [], {}) else None
    return FieldDoc(path=path, meaning=meaning, expected=expected(schema, one), default=shown, inside=tuple(names))


def expected(schema: Schema, one: Schema) -> str:
    """What a value looks like: "a whole number, 1 or more", "text such as 10m"."""
    if "anyOf" in one:
        options = [expected(schema, option) for option in one["anyOf"] if option != {"type": "null"}]
        if _SINGLE["number"] in options:  # "a number" includes whole ones
            options = [option for option in options if option != _SINGLE["integer"]]
        words = " or ".join(dict.fromkeys(options)) if "examples" not in one else "a value"
        return words + _examples(one)
    one = definition(schema["$defs"], one)
    if "const" in one:
        return str(one["const"])
    if "enum" in one:
        return either([show_value(value).strip('"') for value in one["enum"]])
    kind = one.get("type")
    if isinstance(kind, list):
        return either([_SINGLE[each] for each in cast("list[str]", kind)]) + _examples(one)
    if kind == "array":
        return f"a list of {_items(schema, one.get('items', {}))}"
    if kind == "object":
        return "a mapping"
    return _SINGLE.get(str(kind), "any value") + _limits(one) + _examples(one)


def _items(schema: Schema, items: Schema) -> str:
    if "enum" in items or "anyOf" in items or isinstance(items.get("type"), list):
        return f"values, each {expected(schema, items)}"
    return _PLURAL.get(items.get("type", ""), "values")


def _limits(one: Schema) -> str:
    if "minimum" in one and "maximum" in one:
        return f", {one['minimum']:,} to {one['maximum']:,}"
    words = {
        "minimum": "{:,} or more", "exclusiveMinimum": "above {:,}",
        "maximum": "at most {:,}", "exclusiveMaximum": "below {:,}",
    }  # fmt: skip
    parts = [text.format(one[key]) for key, text in words.items() if key in one]
    return f", {' and '.join(parts)}" if parts else ""


def _examples(one: Schema) -> str:
    return f" such as {either([str(example) for example in one['examples']])}" if "examples" in one else ""


def _nearest(schema: Schema, path: str) -> str:
    """ "did you mean training.epochs?", matched by the last name or the whole path; else the top-level fields."""
    by_name: dict[str, list[str]] = {}
    for one in all_paths(schema):
        by_name.setdefault(one.rpartition(".")[2], []).append(one)
    last = path.rpartition(".")[2]
    whole = [one for paths in by_name.values() for one in paths]
    near = [] if last in by_name else difflib.get_close_matches(path, whole, n=1, cutoff=0.75)
    alike = difflib.get_close_matches(last, by_name, n=1, cutoff=0.75)
    near = near or [
        found for name in alike for found in difflib.get_close_matches(path, by_name[name], n=1, cutoff=0.0)
    ]
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(schema['properties'])}"
