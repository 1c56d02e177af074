"""What a mask leaves of the columns that a template names, and of a plan."""

from __future__ import annotations

import json

import pytest
from sample_inventory import SCHEMA, inventory, spec_of

from raytemplate.planning.columns import column_problems
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.made_from import made_from
from raytemplate.planning.stages import IngestStage, id_of
from raytemplate.records.codec import decode, encode


def problems(changes, by_path=(), **schema):
    found = column_problems(spec_of(changes), {**SCHEMA, **schema}, by_path)
    return [(one.path, one.message) for one in found]


GONE = 'data.mask drops "x", so nothing may use it; expected another column, or another mask'
DROPPED = {
    "features.numeric": {"features.numeric": ["precip", "x"]},
    "features.crosses.xs": {"features.crosses.xs": ["carrier", "x"]},
    "data.keys": {"data.keys": ["x"]},
    "data.drop": {"data.drop": "air_time is null or x > 3"},
    "contract.columns.x": {"contract.columns.x": {"type": "number"}},
    "evaluation.slices": {"evaluation.slices": ["carrier", "x"]},
    "evaluation.baseline.median_by": {"evaluation.baseline.median_by": ["x"]},
    "evaluation.resample.group": {"evaluation.resample": {"group": "x"}},
    "features.columns.carrier.fold_by": {"features.columns.carrier": {"kind": "target-mean", "fold_by": ["x"]}},
}


@pytest.mark.parametrize(("path", "changes"), DROPPED.items(), ids=DROPPED)
def test_nothing_uses_a_dropped_column(path, changes):
    assert problems({"data.mask.x": "drop", **changes}, x="double") == [(path, GONE)]


MASKED = {
    "a hash is no number": ({"data.mask.x": "hash", "features.numeric": ["precip", "x"]}, "int64",
        [("features.numeric",
          'column "x" is string after data.mask, expected a number; list it under features.categorical')]),
    "a hash is a category": ({"data.mask.x": "hash", "features.categorical": ["x"]}, "double", []),
    "steps are numbers": ({"data.mask.x": {"bucket": 10}, "features.numeric": ["precip", "x"]}, "int64", []),
    "a promise is about what is in the data":
        ({"data.mask.x": "hash", "contract.columns.x": {"type": "integer", "min": 0}}, "int64", []),
    "so is a condition": ({"data.mask.x": "hash", "data.drop": "x < 3"}, "int64", []),
    "text has no steps":
        ({"data.mask.x": {"bucket": 10}}, "string", [("data.mask.x", 'column "x" is string, expected a number')]),
    "no such column": ({"data.mask.carier": {"truncate": 1}}, "string",
        [("data.mask.carier", 'no column "carier" in the data; did you mean carrier?')]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "kind", "found"), MASKED.values(), ids=MASKED)
def test_features_have_the_types_of_masked_values_and_promises_those_of_the_data(changes, kind, found):
    assert problems({"data.mask_key": {"env": "K"}, **changes}, x=kind) == found


def test_what_is_in_the_names_of_folders_is_not_masked():
    told = '"x" comes from the names of folders, which plans and records show; rename the folders'
    assert problems({"data.mask.x": {"truncate": 1}}, ("x",), x="string") == [("data.mask.x", told)]


def plan(**mask):
    changes = {f"data.mask.{name}": rule for name, rule in mask.items()}
    return compile_plan(spec_of(changes | {"data.mask_key": {"env": "K"}}), inventory(), "2013-06-01")


def test_a_plan_carries_the_mask_and_the_reference_to_its_key_and_another_mask_is_another_plan():
    plain, short, hashed = plan(), plan(carrier={"truncate": 1}), plan(carrier="hash")
    assert (plain.ingest.mask, short.ingest.mask.key, hashed.ingest.mask.key) == (None, "", "secret:env:K")
    assert len({plain.id, short.id, hashed.id}) == len({*map(made_from, (plain, short, hashed))}) == 3
    assert decode(IngestStage, encode(hashed.ingest)) == hashed.ingest
    assert hashed.ingest.columns == plain.ingest.columns and hashed.ingest.types == plain.ingest.types


def test_a_plan_of_before_has_no_mask_and_its_id():
    written = json.loads(json.dumps(encode(plan())))
    del written["ingest"]["mask"]
    assert decode(IngestStage, written["ingest"]).mask is None
    assert id_of(written) == written["id"]
