"""Rows that an earlier run has encoded: the same to the bit as those that are read, or not used at all."""

from dataclasses import fields, replace

import pytest
from small_flights import AS_OF

from raytemplate import api
from raytemplate.data.sources import stamps
from raytemplate.data.split import Split
from raytemplate.engines.ray.data.reused import Reusing
from raytemplate.planning.stages import Reuse
from raytemplate.records.ingested import ReusedFrom

pytestmark = pytest.mark.ray

SPLIT = Split(validation=0.2, test=0.2, seed=1, columns=("carrier", "flight"), by_keys=True, kinds=("text", "number"))
CONTRACT = {
    "contract.rows": [{"rule": "wind_speed <= 30", "on_breach": "quarantine"}],
    "contract.unique": {"rule": ["time_hour", "carrier", "flight", "origin"], "on_breach": "drop"},
    "contract.max_quarantined": "50 %",
}
JOBS = {
    "kinds of features": {
        "features.columns": {
            "distance": {"kind": "buckets", "buckets": 12, "encoding": "one-hot"},
            "seats": {"kind": "quantile"},
            "dest": {"kind": "target-mean"},
            "origin": {"kind": "ordinal", "order": ["LGA", "JFK", "EWR"]},
        }
    },
    "split, sample": {"data.rows": 3000},
    "mask, contract": {"data.mask": {"carrier": "hash"}, "data.mask_key": {"file": "key.txt"}, **CONTRACT},
    "rows kept for a sweep": {"tuning.space": {"features.columns.temp.kind": "choice(numeric, power)"}},
}


@pytest.fixture
def run(one_ray, demo, tmp_path, monkeypatch):
    """Opens the rows of a plan as a run of the workspace does."""
    monkeypatch.setattr(stamps, "_SETTLED_S", 0.0)  # the files were written just now
    (demo / "key.txt").write_text("a key of 16 or more characters")

    def begin(plan, name, expected=None):
        folder = tmp_path / "work" / "runs" / name
        folder.mkdir(parents=True)
        return Reusing(plan=plan, folder=folder).open(plan.ingest, expected)

    return begin


def bits(data):
    """Everything that ingest hands on, as bytes or values that can be compared."""
    import ray

    arrays = {w: {n: a.tobytes() for n, a in ray.get(ref).items()} for w, ref in data.refs.items()}
    rows = {window: ray.get(ref).to_pydict() for window, ref in data.rows.items()}
    found = data.ingested
    snapshot = replace(found.snapshot, reused=None)
    state = (snapshot, found.features, found.statistics, found.baseline.to_json(), found.profile)
    return arrays, rows, data.test.to_pydict(), data.test.schema, state


@pytest.mark.parametrize("name", JOBS)
def test_reused_rows_are_those_that_are_read_to_the_bit(run, small, tmp_path, name):
    plan = api.plan(small(JOBS[name]), AS_OF).plan
    if name.startswith("split"):
        windows = tuple(replace(one, start=one.end) for one in plan.ingest.windows)
        plan = replace(plan, ingest=replace(plan.ingest, split=SPLIT, time="", windows=windows))
    assert plan.reuse == Reuse(allowed=True)
    fresh = run(replace(plan, reuse=None), "fresh")
    first, second = run(plan, "first"), run(plan, "second")
    assert first.ingested.snapshot.reused is None and first.ingested.notes == ()
    assert isinstance(second.ingested.snapshot.reused, ReusedFrom)
    assert (second.ingested.snapshot.reused.run_id, second.ingested.notes) == ("first", ())
    assert {one.name for one in fields(second)} == {"stage", "ingested", "refs", "streams", "test", "rows"}
    assert bits(fresh) == bits(first) == bits(second) and bool(second.rows) == plan.ingest.keeps_rows
    files = [tmp_path / "work/runs" / run_id / "quarantine.parquet" for run_id in ("fresh", "first", "second")]
    assert len({path.read_bytes() if path.exists() else b"" for path in files}) == 1
    assert all(path.exists() == ("contract" in name) for path in files)


def test_what_was_tampered_with_is_named_thrown_away_and_read_again(run, small, demo, tmp_path):
    plan = api.plan(small(), AS_OF).plan
    first = run(plan, "first")
    path = next((tmp_path / "work/encoded").glob("*/train.dense"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    second = run(plan, "second")
    (note,) = second.ingested.notes
    assert note.startswith(f"{path}: sha256 ") and "was discarded: the rows are read again" in note
    assert not path.exists() and bits(second) == bits(first) and second.ingested.snapshot.reused is None
    assert run(plan, "third").ingested.snapshot.reused.run_id == "second"
    data = next((demo / "data/flights").iterdir())
    data.write_bytes(data.read_bytes())  # the same bytes, written again: nobody can tell without reading them
    assert run(plan, "fourth").ingested.snapshot.reused is None
