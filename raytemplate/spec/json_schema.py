"""The whole template as one JSON Schema, so that editors complete it and tell what is wrong while it is typed.

Nothing is required here: what a file leaves out its parent may say. `check` knows both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from raytemplate import plugins
from raytemplate.models.options import Family
from raytemplate.plugins import Options
from raytemplate.spec.names import TOP_LEVEL
from raytemplate.spec.plugged import FEATURE_KINDS
from raytemplate.spec.schema import NAMESPACES, HeaderSpec

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXTENDS = "Another template to lie below this one: a path relative to this file, or `raytemplate:tabular-regression`."
_VARIANTS = "Named layers, applied by `--variant NAME`; keys may be dotted."
_OWNER = "Who answers for this variant."
_EXPIRES = "The last day on which this variant may be used, such as `2026-12-31`."
_DAY = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-12-31"]}
_NOT_IN_A_VARIANT = ("extends", "variants", "owner")


def template_schema() -> Schema:
    """JSON Schema (2020-12) of a template, with every plug-in that is installed."""
    families = {n: cast(Family, plugins.load(plugins.FAMILIES, n)).options for n in plugins.names(plugins.FAMILIES)}
    features = {n: plugins.load(plugins.FEATURE_OPTIONS, n) for n in plugins.names(plugins.FEATURE_OPTIONS)}
    gates = {n: plugins.load(plugins.GATES, n) for n in plugins.names(plugins.GATES)}
    models: set[type[Options]] = {*NAMESPACES.values(), HeaderSpec, *families.values(), *features.values()}
    models |= set(gates.values())
    ordered = sorted(models, key=lambda m: (m.__module__, m.__qualname__))
    found, document = models_json_schema([(model, "validation") for model in ordered])
    refs = {model: cast("Schema", found[model, "validation"]) for model in ordered}
    defs: Schema = {name: _plain(one) for name, one in document["$defs"].items()}
    _definition(defs, refs[HeaderSpec])["properties"].update(extends={"type": "string", "description": _EXTENDS})
    _name_plugins(defs, refs, features, gates)
    properties = _properties(defs, refs, families)
    return {
        "$schema": _DIALECT, "title": "raytemplate template", "type": "object", "additionalProperties": False,
        "properties": {**properties, "variants": _variants(properties, defs)}, "$defs": defs,
    }  # fmt: skip


def _properties(defs: Schema, refs: Mapping[type[Options], Schema], families: Mapping[str, type[Options]]) -> Schema:
    """The fields at the top of a file, in their order."""
    header: Schema = _definition(defs, refs[HeaderSpec])["properties"]
    model = {"description": "The model's family and its own fields.", "anyOf": [refs[f] for f in families.values()]}
    properties: Schema = {}
    for name in TOP_LEVEL:
        if name in NAMESPACES:
            about = _definition(defs, refs[NAMESPACES[name]]).get("description", "")
            properties[name] = {**refs[NAMESPACES[name]], "description": about}
        elif name != "variants":
            properties[name] = model if name == "model" else header[name]
    return properties


def _name_plugins(
    defs: Schema, refs: Mapping[type[Options], Schema], features: Mapping[str, type[Options]],
    gates: Mapping[str, type[Options]],
) -> None:  # fmt: skip
    """Settings of gates and of feature columns are open mappings to the namespaces; here they are those there are."""
    governance = _definition(defs, refs[NAMESPACES["governance"]])["properties"]["gates"]
    governance.update(properties={n: refs[g] for n, g in gates.items()}, additionalProperties=False)
    columns = _definition(defs, refs[NAMESPACES["features"]])["properties"]["columns"]
    columns["additionalProperties"] = {"anyOf": [_column(name, defs, refs[f]) for name, f in features.items()]}


def _column(name: str, defs: Schema, ref: Schema) -> Schema:
    """Settings of a column; a kind that is not the one of its list has to be named."""
    fields = _definition(defs, ref)
    kind = {"const": name, "description": f"The kind of feature: {name}."}
    must = {} if name in FEATURE_KINDS else {"required": ["kind"]}
    return {**fields, "properties": {"kind": kind, **fields["properties"]}, **must}


def _variants(properties: Schema, defs: Schema) -> Schema:
    inside = {name: one for name, one in properties.items() if name not in _NOT_IN_A_VARIANT}
    open_keys = {f"^{re.escape(path)}\\.": {} for path, one in _below(inside, defs, "") if _is_open(one, defs)}
    dotted = {path: one for path, one in _below(inside, defs, "") if "." in path}
    said = {"owner": {"type": "string", "description": _OWNER}, "expires": {**_DAY, "description": _EXPIRES}}
    return {
        "description": _VARIANTS, "type": "object",
        "additionalProperties": {
            "type": "object", "properties": {**said, **inside, **dotted}, "patternProperties": open_keys,
            "additionalProperties": False,
        },
    }  # fmt: skip


def _below(properties: Schema, defs: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    """Dotted path and schema of every field, those of all families under `model`."""
    for name, one in properties.items():
        path = f"{prefix}{name}"
        yield path, one
        for inner in one.get("anyOf", [one]):
            yield from _below(_definition(defs, inner).get("properties", {}), defs, f"{path}.")


def _is_open(one: Schema, defs: Schema) -> bool:
    """A mapping whose keys a person chooses, or whose fields are a plug-in's."""
    fields = _definition(defs, one)
    return isinstance(fields.get("additionalProperties"), dict) or "gates" in fields.get("properties", {})


def _definition(defs: Schema, one: Schema) -> Schema:
    reference = one.get("$ref", "")
    return defs[reference.rpartition("/")[2]] if reference else one


def _plain(value: Any) -> Any:
    """Without titles, which repeat the names, without `required`, and without defaults that nobody could write."""
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    schema = cast("Schema", value)
    kept = {key: _plain(below) for key, below in schema.items() if key not in ("required", "default")}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if "default" in schema and _can_be_written(schema):
        kept["default"] = schema["default"]
    if "description" in kept and isinstance(kept["description"], str):
        kept["description"] = " ".join(kept["description"].split())
    return kept


def _can_be_written(schema: Schema) -> bool:
    """A duration's default is held as seconds, and would be refused in a file."""
    default = schema["default"]
    return "pattern" not in schema and (isinstance(default, str | bool | int | float) or default in ([], {}))
