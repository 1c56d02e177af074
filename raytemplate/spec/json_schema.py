"""The whole template as one JSON Schema, so that editors can complete it and mark mistakes as it is typed.

The schema requires no field, because a parent may set what a file leaves out. `check` sees both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from raytemplate import plugins
from raytemplate.data.features.options import FeatureOptions
from raytemplate.models.options import Family
from raytemplate.options import Options, field_docs
from raytemplate.spec.names import TOP_LEVEL, model_by_name, model_in, model_of_items
from raytemplate.spec.schema import NAMESPACES, HeaderSpec

Schema = dict[str, Any]
Models = Mapping[str, type[Options]]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXTENDS = "Template that this one builds on: a path relative to this file, or `raytemplate:tabular-regression`."
_VARIANTS = "Named layers, applied by `--variant NAME`; keys may be dotted."
_OWNER = "Person or team responsible for this variant."
_EXPIRES = "The last day on which this variant may be used, such as `2026-12-31`."
_DAY = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-12-31"]}
_NOT_IN_A_VARIANT = ("extends", "owner")
_FILE_ONLY = ("governance.promotable",)


def template_schema() -> Schema:
    """JSON Schema (2020-12) of a template, including every installed plug-in."""
    made = _Definitions.of(
        families={n: cast(Family, plugins.load(plugins.FAMILIES, n)).options for n in plugins.names(plugins.FAMILIES)},
        features={n: plugins.load(plugins.FEATURES, n) for n in plugins.names(plugins.FEATURES)},
        gates={n: plugins.load(plugins.GATES, n) for n in plugins.names(plugins.GATES)},
    )
    made.name_plugins()
    properties = made.top_level()
    properties["variants"] = _variants(properties, made.defs)
    text = json.dumps([properties, made.defs])
    used = {name: one for name, one in made.defs.items() if f'"#/$defs/{name}"' in text}
    return {
        "$schema": _DIALECT,
        "title": "raytemplate template",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": used,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Definitions:
    """Schemas of all models, each defined once and referred to by the others."""

    families: Models
    """Model family -> its options."""

    features: Models
    """Kind of feature -> its options."""

    gates: Models
    """Gate -> its options."""

    defs: Schema
    """Name of a model -> its schema."""

    refs: Mapping[type[Options], Schema]
    """Model -> the reference to its schema in `defs`."""

    @classmethod
    def of(cls, *, families: Models, features: Models, gates: Models) -> _Definitions:
        models = {HeaderSpec, *NAMESPACES.values(), *families.values(), *features.values(), *gates.values()}
        models |= {inner for model in models for inner in _inside(model)}
        ordered = sorted(models, key=lambda m: (m.__module__, m.__qualname__))
        found, document = models_json_schema([(model, "validation") for model in ordered])
        refs = {model: found[model, "validation"] for model in ordered}
        defs: Schema = {name: _plain(one) for name, one in document["$defs"].items()}
        made = cls(families=families, features=features, gates=gates, defs=defs, refs=refs)
        for model in ordered:
            for name, doc in field_docs(model).items():
                if doc:
                    made.properties(model)[name].setdefault("description", " ".join(doc.split()))
            _write_defaults(model, made.properties(model), defs)
        return made

    def properties(self, model: type[Options]) -> Schema:
        """The fields of a model."""
        return definition(self.defs, self.refs[model])["properties"]

    def name_plugins(self) -> None:
        """Restrict gates, settings of feature columns and metrics, which the namespaces leave open, to those that are
        installed."""
        gates = {name: self.refs[gate] for name, gate in self.gates.items()}
        self.properties(NAMESPACES["governance"])["gates"].update(properties=gates, additionalProperties=False)
        for gate in self.gates.values():
            self._name_metrics(definition(self.defs, self.refs[gate]))
        kinds = [self._column(name, model) for name, model in self.features.items()]
        self.properties(NAMESPACES["features"])["columns"]["additionalProperties"] = {"anyOf": kinds}
        evaluation = self.properties(NAMESPACES["evaluation"])
        for metric in (evaluation["metric"], evaluation["also"]["items"]):
            metric["enum"] = list(plugins.names(plugins.METRICS))

    def _name_metrics(self, gate: Schema) -> None:
        """Give a gate whose field names are metrics one property for each metric, so that editors complete them."""
        limit = gate.get("additionalProperties")
        for metric in plugins.names(plugins.METRICS) if isinstance(limit, dict) else ():
            about = f"Limit of the metric {metric}, in its unit and direction."
            gate["properties"].setdefault(metric, {**cast("Schema", limit), "description": about})

    def _column(self, name: str, model: type[Options]) -> Schema:
        """Settings of a column; `kind` is required if it is not the default of any list of features."""
        fields = definition(self.defs, self.refs[model])
        kind = {"const": name, "description": "The kind of feature."}
        lists = model.lists if issubclass(model, FeatureOptions) else FeatureOptions.lists
        must = {} if name in lists else {"required": ["kind"]}
        return {**fields, "properties": {"kind": kind, **fields.get("properties", {})}, **must}

    def top_level(self) -> Schema:
        """The fields at the top of a file, in order, except the variants, which hold all of them."""
        header = {**self.properties(HeaderSpec), "extends": {"type": "string", "description": _EXTENDS}}
        families = [self.refs[family] for family in self.families.values()]
        properties: Schema = {}
        for name in TOP_LEVEL:
            if name in NAMESPACES:
                ref = self.refs[NAMESPACES[name]]
                properties[name] = {**ref, "description": definition(self.defs, ref).get("description", "")}
            elif name == "model":
                properties[name] = {"description": "The model's family and its own fields.", "anyOf": families}
            elif name != "variants":
                properties[name] = header[name]
        return properties


def _variants(properties: Schema, defs: Schema) -> Schema:
    """A mapping of layers, each with the top-level fields of a file, nested or as dotted keys."""
    inside = {name: one for name, one in properties.items() if name not in _NOT_IN_A_VARIANT}
    dotted: Schema = {}
    open_keys: Schema = {}
    for path, one in _below(inside, defs, ""):
        if path in _FILE_ONLY:
            continue
        if "." in path and dotted.setdefault(path, one) != one:  # two families have a field of that name
            dotted[path] = {"anyOf": [*dotted[path].get("anyOf", [dotted[path]]), one]}
        if definition(defs, one).get("additionalProperties"):  # the author chooses the keys
            open_keys[f"^{re.escape(path)}\\."] = {}
    said = {"owner": {"type": "string", "description": _OWNER}, "expires": {**_DAY, "description": _EXPIRES}}
    return {
        "description": _VARIANTS,
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {**said, **inside, **dotted},
            "patternProperties": open_keys,
            "additionalProperties": False,
        },
    }


def _below(properties: Schema, defs: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    """Dotted path and schema of every field, including those of all families under `model`."""
    for name, one in properties.items():
        path = f"{prefix}{name}"
        yield path, one
        for inner in one.get("anyOf", [one]):
            yield from _below(definition(defs, inner).get("properties", {}), defs, f"{path}.")


def definition(defs: Schema, one: Schema) -> Schema:
    """The schema itself, or the one it refers to."""
    reference = one.get("$ref", "")
    return defs[reference.rpartition("/")[2]] if reference else one


def _inside(model: type[BaseModel]) -> Iterator[type[Options]]:
    """The models that a model's fields hold, at any depth."""
    for field in model.model_fields.values():
        held = field.annotation
        inner = model_in(held) or model_by_name(held) or model_of_items(held)
        if inner:
            yield cast("type[Options]", inner)
            yield from _inside(inner)


def _plain(schema: Schema) -> Schema:
    """The schema without titles, which repeat the names, without `required`, and with each description on one line."""
    kept: Schema = {}
    for key, below in schema.items():
        if key == "properties":
            kept[key] = {name: _plain(one) for name, one in below.items()}
        elif isinstance(below, dict):
            kept[key] = _plain(cast("Schema", below))
        elif isinstance(below, list):
            items = cast("list[Any]", below)
            kept[key] = [_plain(cast("Schema", item)) if isinstance(item, dict) else item for item in items]
        elif key == "description":
            kept[key] = " ".join(below.split())
        else:
            kept[key] = below
    return {key: below for key, below in kept.items() if key not in ("title", "required", "default")}


def _write_defaults(model: type[Options], properties: Schema, defs: Schema) -> None:
    """Write defaults as a template would: "1h" instead of 3600 seconds. Mappings have theirs inside."""
    written = model.model_construct().model_dump(mode="json", warnings=False)
    for name, one in properties.items():
        default = written.get(name)
        if default is not None and "const" not in one and "properties" not in definition(defs, one):
            one["default"] = default
