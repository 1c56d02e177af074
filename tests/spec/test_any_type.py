"""Every Arrow type in every role that a template has for a column: what `check` lets through can be done."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_this_process import read

from raytemplate import api
from raytemplate.errors import DataError, SpecError
from raytemplate.evaluation.slices import parts_of, slice_values

ROWS = 200
AT = np.random.default_rng(0).integers(0, 3, ROWS)
DAYS = [datetime(2023, 1, 1) + timedelta(days=int(at)) for at in AT]
WORDS = pa.array([f"s{at}" for at in AT])
COLUMNS = (
    *(pa.array(AT.astype(kind)) for kind in ("i1", "u8", "i8", "f2", "f4", "f8")),
    pa.array([Decimal(int(at)) for at in AT], pa.decimal128(5, 2)),
    pa.array([int(at) for at in AT], pa.decimal256(40, 2)),
    pa.array(AT > 0), WORDS, WORDS.cast(pa.large_string()), pa.array(WORDS.to_pylist(), pa.string_view()),
    pa.array(DAYS, pa.timestamp("s")), pa.array(DAYS, pa.timestamp("ns")),
    pa.array(DAYS, pa.timestamp("us", "Asia/Tokyo")),
    pa.array([day.date() for day in DAYS]), pa.array([day.date() for day in DAYS], pa.date64()),
    pa.array([time(int(at)) for at in AT]), pa.array([timedelta(int(at)) for at in AT]),
    pa.array([b"a%d" % at for at in AT]), pa.array([[int(at)] for at in AT]), pa.array([{"a": int(at)} for at in AT]),
    pa.nulls(ROWS), WORDS.dictionary_encode(), pa.array(AT).dictionary_encode(),
)  # fmt: skip
CLASSES = {"data.target": "x", "data.task": "multiclass"}
BINARY = {"data.target": "x", "data.task": "binary"}
ROLES = {
    "numeric": {"features.numeric": ["z", "x"]},
    "categorical": {"features.categorical": ["x"]},
    "crosses": {"features.crosses": {"both": ["x", "g"]}},
    "datetime": {"features.datetime": {"x": ["hour", "weekday-cycle"]}},
    "text": {"features.text": ["x"]},
    **{kind: {"features.numeric": ["z", "x"], "features.columns": {"x": {"kind": kind}}}
       for kind in ("buckets", "power", "quantile")},
    **{kind: {"features.categorical": ["x"], "features.columns": {"x": {"kind": kind}}}
       for kind in ("hashing", "target-mean")},
    "fold_by": {"features.categorical": ["g"], "features.columns": {"g": {"kind": "target-mean", "fold_by": ["x"]}}},
    "slices": {"evaluation.slices": ["x"]},
    "baseline": {"evaluation.baseline": {"median_by": ["x"]}},
    "keys": {"data.keys": ["x", "z"]},
    "rows": {"data.rows": 150},
    "target": {"data.target": "x"},
    "classes": CLASSES,
    "yes": {**BINARY, "data.drop": "x = 2", "data.positive": "1"},
    "yes of text": {**BINARY, "data.drop": "x = 's2'", "data.positive": "s1"},
    "yes by a condition": {**BINARY, "data.target": "x > 0"},
    "number": {"contract.columns": {"x": {"type": "number", "min": -1, "max": 9, "values": [0, 1, 2]}}},
    "integer": {"contract.columns": {"x": {"type": "integer", "min": -1}}},
    "words": {"contract.columns": {"x": {"type": "text", "values": ["s0", "s1", "s2"]}}},
    "boolean": {"contract.columns": {"x": {"type": "boolean", "values": [True, False]}}},
    "time": {"contract.columns": {"x": {"type": "time", "min": "2020-01-01"}}},
}  # fmt: skip
BASE = {"name": "any", "data.source": "rows.parquet", "data.target": "y", "data.split": {}, "features.numeric": ["z"],
        "model": {"kind": "linear"}}  # fmt: skip


def nested(changes):
    document = {}
    for path, value in {**BASE, **changes}.items():
        *above, key = path.split(".")
        place = document
        for part in above:
            place = place.setdefault(part, {})
        place[key] = value
    return json.dumps(document)


@pytest.mark.parametrize("changes", ROLES.values(), ids=ROLES)
def test_what_check_lets_through_can_be_done(tmp_path, changes):
    (tmp_path / "any.yaml").write_text(nested(changes))
    spec = api.load(tmp_path / "any.yaml")
    draws, passed = np.random.default_rng(1), 0
    more = {"z": draws.normal(size=ROWS), "y": draws.normal(size=ROWS), "g": ["p", "q"] * (ROWS // 2)}
    for column in COLUMNS:
        pq.write_table(pa.table({"x": column, **more}), tmp_path / "rows.parquet")
        try:
            assert api.check(spec) == ()
        except SpecError:
            continue
        try:
            kept = read(api.plan(spec).plan.ingest)
        except DataError as error:  # of values, which no schema knows
            assert column.null_count == ROWS and "nothing to learn" in error.what
            continue
        for name in spec.evaluation.slices:
            parts_of(slice_values(kept["test"].column(name)))
        passed += 1
    assert passed
