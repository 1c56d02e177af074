"""Whether a feature set fits a template: told with its location before anything is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sample_inventory import SCHEMA, inventory, moment, source, spec_of

from raytemplate.code.files import CodeRef
from raytemplate.data.features.fitted import FeatureSet, FittedColumn, set_digest
from raytemplate.data.features.gaps import Gap
from raytemplate.errors import SpecError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.made_from import made_from
from raytemplate.planning.order import order_of
from raytemplate.planning.stages import IngestStage, RunPlan, id_of
from raytemplate.records import codec
from raytemplate.records.codec import Settings, decode, encode

NAME = "features/flights-air-time/3"
FROM = {
    "features.from": NAME,
    "features.numeric": ["distance"],
    "features.categorical": ["dest"],
    "features.columns.precip": None,
}


def column(kind, name, family, **more):
    return FittedColumn(kind=kind, column=name, type=family, state=Settings({"values": ["UA"]}), **more)


FEATURES = (column("categorical", "carrier", "text"), column("numeric", "temp", "number"))
GAPS = (Gap(column="temp", name="temp=(missing)", places=(0,)),)
TAKEN = FeatureSet(
    model="flights-air-time",
    version=3,
    digest=set_digest(FEATURES, GAPS),
    model_digest="d" * 64,
    features=FEATURES,
    gaps=GAPS,
    num_columns=2,
    seen_until=moment(5, 18),
    types=Settings({"carrier": "text", "temp": "number"}),
)


def plan(changes=None, taken=TAKEN, as_of="2013-06-01", **others):
    return compile_plan(spec_of({**FROM, **(changes or {})}), inventory(taken=taken, **others), as_of)


def problems(changes=None, taken=None, **others):
    with pytest.raises(SpecError) as caught:
        plan(changes, replace(TAKEN, **(taken or {})), **others)
    return [(one.path, one.message.removeprefix(f"{NAME}: ")) for one in caught.value.problems]


ROUTE = column("categorical", "route", "text", inputs=("carrier", "flight"))
OWN = column("numeric", "speed", "number", inputs=("distance",), build="my_pkg:speed")
HASHED = {"data.mask.carrier": "hash", "data.mask_key": {"env": "K"}}
SEEN = (
    f"{NAME} has seen data until 2013-05-19, and the test window begins 2013-05-18; expected "
    "features/flights-air-time/2, which has seen data until 2013-05-18, or a later --as-of"
)
SPLIT = (
    f"{NAME} was fitted on rows split by hash, and may have seen test rows; expected a set of a model with data.time"
)
REFUSED = {
    "a name in both": ({"features.numeric": ["distance", "temp"]}, {},
        [("features.numeric", f'"temp" is already in {NAME}; a column is one feature')]),
    "what is predicted": ({"data.target": "temp", "data.drop": "temp is null"}, {},
        [("features.from", '"temp" is in data.target; what is predicted cannot be a feature')]),
    "a forbidden column": ({"features.forbidden": ["car*"]}, {},
        [("features.from", '"carrier" matches "car*" in features.forbidden')]),
    "a column that is gone": ({}, {"features": (*FEATURES, column("numeric", "gone", "number"))},
        [("features.from", 'no column "gone" in the data; there is ')]),
    "a column of another type": ({}, {"features": (column("categorical", "flight", "text"),)},
        [("features.from", 'column "flight" is int64, but was text when it was fitted')]),
    "a column of a cross of another type": ({}, {"features": (ROUTE,), "types": Settings({"flight": "text"})},
        [("features.from", 'column "flight" is int64, but was text when it was fitted')]),
    "a column that was not masked": ({"data.mask.carrier": {"truncate": 1}}, {},
        [("data.mask.carrier", '"carrier" was not masked when it was fitted, and is first 1 character here')]),
    "a column that was masked": ({}, {"masked": Settings({"carrier": {"truncate": 1}})},
        [("features.from", '"carrier" was first 1 character when it was fitted, and is not masked here')]),
    "another key": (HASHED, {"masked": Settings({"carrier": "hash"}), "mask_key": "0" * 12},
        [("data.mask_key", "another key than the one with which it knows carrier")]),
    "other modules": ({}, {"features": (OWN,), "code_sha256": "c" * 64},
        [("code.modules", "speed is made by own functions, and these are other modules than it has")]),
    "test rows": ({}, {"seen_until": moment(5, 19)}, [("features.from", SEEN)]),
    "another split": ({}, {"split": "5%"}, [("features.from", SPLIT)]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "taken", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_set_that_does_not_fit_is_told_where_it_is_named(monkeypatch, changes, taken, expected):
    monkeypatch.setenv("K", "a key of 16 or more characters")
    found = problems(changes, taken, taken_versions=((3, moment(5, 19)), (2, moment(5, 18))))
    assert [path for path, _ in found] == [path for path, _ in expected]
    assert all(message.startswith(start) for (_, message), (_, start) in zip(found, expected, strict=True))


def test_the_same_modules_and_the_same_key_are_fine(monkeypatch):
    monkeypatch.delenv("K", raising=False)  # the machines that read rows may have it; the run compares
    hashed = replace(TAKEN, masked=Settings({"carrier": "hash"}), mask_key="0" * 12)
    assert plan(HASHED, hashed).ingest.taken == hashed
    own = replace(TAKEN, features=(OWN,), code_sha256="c" * 64)
    assert plan({}, own, code=CodeRef(modules=("my_pkg",), sha256="c" * 64)).ingest.taken == own


def test_a_plan_carries_the_set_reads_its_columns_and_has_seen_what_it_has():
    made = plan()
    assert {"carrier", "temp", "distance", "dest"} <= {*made.ingest.columns}
    assert made.ingest.feature_columns == ("carrier", "temp", "distance", "dest", "time_hour")
    assert made.ingest.seen_until == moment(5, 18)
    later = replace(made.ingest, taken=replace(TAKEN, seen_until=moment(5, 20)))
    assert later.seen_until == moment(5, 20)
    assert codec.loads(RunPlan, codec.dumps(made)) == made


def test_other_fitted_states_are_another_plan_and_another_version_of_the_same_is_not():
    other = (replace(FEATURES[0], state=Settings({"values": ["DL"]})), FEATURES[1])
    same, changed = replace(TAKEN, version=4), replace(TAKEN, features=other, digest=set_digest(other, GAPS))
    assert plan().id == plan(taken=same).id != plan(taken=changed).id
    assert made_from(plan()) == made_from(plan(taken=same)) != made_from(plan(taken=changed))


def test_a_plan_of_before_takes_nothing_and_has_its_id():
    written = json.loads(json.dumps(encode(compile_plan(spec_of(), inventory(), "2013-06-01"))))
    del written["ingest"]["taken"]
    assert decode(IngestStage, written["ingest"]).taken is None
    assert id_of(written) == written["id"]


def test_a_column_of_unknown_type_is_left_to_the_read():
    assert plan(source=source(schema={**SCHEMA, "temp": "null"})).ingest.taken == TAKEN


def test_a_template_may_list_no_features_and_cannot_set_those_that_it_takes():
    alone = {"features.numeric": [], "features.categorical": [], "features.datetime.time_hour": None}
    assert plan(alone).ingest.features == ()
    with pytest.raises(SpecError, match=f"features.columns.temp: no such feature; features taken from {NAME} keep"):
        spec_of({**FROM, "features.columns.temp": {"transform": "log"}})


def test_the_columns_of_a_text_file_are_read_as_they_were():
    order = order_of(spec_of({**FROM, "contract.columns.temp": {"type": "integer"}}), taken=TAKEN.types)
    assert order.types == {"carrier": "text", "temp": "integer"}
