"""The JSON Schema of a template finds the same problems as `check`, as far as a schema can."""

from __future__ import annotations

import jsonschema
import pytest
from template_text import WHOLE, write

from raytemplate import plugins
from raytemplate.document import parse
from raytemplate.errors import SpecError
from raytemplate.spec.json_schema import template_schema
from raytemplate.spec.load import load
from raytemplate.spec.parents import shipped_folder

SCHEMA = template_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def faults(text: str) -> list[str]:
    """The dotted paths at which the schema finds something wrong."""
    errors = VALIDATOR.iter_errors(parse(text.encode(), "t.yaml").value)
    return [".".join(map(str, error.absolute_path)) for error in errors]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(
    "path", sorted(shipped_folder().rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_shipped_template_fits(path):
    assert faults(path.read_text()) == []


GOOD = {
    "whole": ("owner: ops", "owner: ops"),
    "extends": ("owner: ops", "extends: raytemplate:tabular-regression"),
    "a version that looks like a number": ("owner: ops", "version: 1.10"),
    "a span of months": ("  time: time_hour", "  time: time_hour\n  windows: {train: 3 months, test: 14d}"),
    "a range of workers": ("{per_worker: {memory: 512 MiB}}", "{workers: 2..8}"),
    "a kind of feature": ("{distance: {transform: log}}", "{distance: {kind: buckets, edges: [100, 500]}}"),
    "an order of numbers": ("{distance: {transform: log}}", "{carrier: {kind: ordinal, order: [1, 2, 3]}}"),
    "no value": ("epochs: 6", "early_stopping: null"),
    "a dotted gate in a variant": ("smoke: {data", "smoke: {governance.gates.metric-limit.mae: 40, data"),
    "a dotted column in a variant": ("smoke: {data", "smoke: {features.columns.distance.transform: none, data"),
    "a variant that ends": ("smoke: {data", "smoke: {owner: ann, expires: 2026-12-31, data"),
}


@pytest.mark.parametrize(("old", "new"), GOOD.values(), ids=GOOD)
def test_what_check_accepts_fits(tmp_path, old, new):
    text = WHOLE.replace(old, new)
    assert (text != WHOLE) == (old != new)
    load(write(tmp_path, text), environ={})
    assert faults(text) == []


@pytest.mark.parametrize("kind", plugins.names(plugins.FAMILIES))
def test_a_family_fits_with_its_own_fields_only(kind):
    fields = plugins.load(plugins.FAMILIES, kind).options.model_construct().model_dump(mode="json", warnings=False)
    assert VALIDATOR.is_valid({"model": fields})
    assert not VALIDATOR.is_valid({"model": {**fields, "no_such": 1}})


BAD = {
    "a field that is none": ("epochs: 6", "epoch: 6", "training"),
    "a namespace that is none": ("owner: ops", "ownr: ops", ""),
    "text as a number": ("epochs: 6", "epochs: six", "training.epochs"),
    "below its limit": ("epochs: 6", "epochs: 0", "training.epochs"),
    "no unit": ("time: 10m", "time: 10", "budget.time"),
    "another currency": ("0.005 USD", "5 EUR", "budget.cost"),
    "a size without its unit": ("512 MiB", "512", "resources.per_worker.memory"),
    "a window without its unit": ("  time: time_hour", "  time: time_hour\n  windows: {test: 14}", "data.windows.test"),
    "half a range": ("{per_worker: {memory: 512 MiB}}", "{workers: 2..}", "resources.workers"),
    "text for a list": ("[distance, seats]", "distance", "features.numeric"),
    "a part of time that is none": ("[hour]", "[hours]", "features.datetime.time_hour.0"),
    "a family that is none": ("kind: tabular-mlp", "kind: tabular-mpl", "model"),
    "a field of another family": ("hidden: 64", "num_trees: 64", "model"),
    "a gate that is none": ("metric-limit:", "metric-limt:", "governance.gates"),
    "a setting of a gate that is none": ("min_gain: 0", "min_gian: 0", "governance.gates.beats-baseline"),
    "a setting of a column that is none": ("transform: log", "transfrm: log", "features.columns.distance"),
    "a kind of feature that is none": ("transform: log", "kind: bucket", "features.columns.distance"),
    "a metric that is none": ("[rmse]", "[rmsle]", "evaluation.also.0"),
    "a dotted key in a variant that is none": ("data.ingest", "data.ingst", "variants.smoke"),
    "a dotted gate in a variant that is none": ("data.ingest: memory", "governance.gates.lim.mae: 4", "variants.smoke"),
    "a wrong value under a dotted key": ("data.ingest: memory", "data.ingest: disk", "variants.smoke.data.ingest"),
    "a variant that makes itself promotable": (
        "data.ingest: memory", "governance.promotable: [smoke]", "variants.smoke",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path"), BAD.values(), ids=BAD)
def test_what_check_refuses_does_not_fit(tmp_path, old, new, path):
    text = WHOLE.replace(old, new)
    with pytest.raises(SpecError):
        load(write(tmp_path, text), environ={})
    assert faults(text) == [path]


def test_every_field_says_what_it_means():
    definitions = [one for name, one in SCHEMA["$defs"].items() if "properties" in one]
    assert len(definitions) > 20
    silent = [name for one in definitions for name, field in one["properties"].items() if not field.get("description")]
    assert silent == []


def test_a_default_is_what_a_person_would_write():
    found = SCHEMA["$defs"]
    assert found["BudgetSpec"]["properties"]["time"]["default"] == "1h"
    assert found["WindowsSpec"]["properties"]["test"]["default"] == "14d"
    assert found["SplitSpec"]["properties"]["validation"]["default"] == "15 %"
    assert found["TrainingSpec"]["properties"]["lr"]["default"] == 0.001


def test_every_plug_in_is_named():
    families = {ref["$ref"].rpartition("/")[2] for ref in SCHEMA["properties"]["model"]["anyOf"]}
    kinds = {SCHEMA["$defs"][name]["properties"]["kind"]["const"] for name in families}
    assert kinds == set(plugins.names(plugins.FAMILIES))
    gates = SCHEMA["$defs"]["GovernanceSpec"]["properties"]["gates"]["properties"]
    assert set(gates) == set(plugins.names(plugins.GATES))
    limits = SCHEMA["$defs"]["MetricLimit"]["properties"]
    assert set(limits) == {"severity", *plugins.names(plugins.METRICS)}
