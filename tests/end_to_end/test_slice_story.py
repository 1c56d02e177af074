"""A model that is good overall but wrong for one slice: bad predictions at one airport are found there."""

from __future__ import annotations

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from command_line import here, only_run, record
from small_flights import AS_OF, LATENCY_ROWS, SHIPPED, as_sets, changed

from raytemplate import api
from raytemplate.records.judged import Rejected

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
GATES = {"governance.gates.slice-limit.by": ["origin"], "governance.gates.slice-limit.mae": 40}


@pytest.fixture
def broken_feed(demo):
    """In the two weeks of the test window, one airport reports ten times the distance."""
    file = demo / "data" / "flights" / "2013-02.parquet"
    table = pq.read_table(file)
    distance = table.column("distance")
    spoilt = pc.if_else(pc.equal(table.column("origin"), "LGA"), pc.multiply(distance, 10), distance)
    place = table.schema.get_field_index("distance")
    pq.write_table(table.set_column(place, table.schema.field(place), spoilt.cast(distance.type)), file)
    return demo


def test_predictions_spoilt_at_one_airport_are_rejected_and_the_gate_names_it(one_ray, broken_feed):
    ended = here("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(GATES), cwd=broken_feed)
    assert ended.returncode == 5, ended.stderr
    assert "Rejected: slice-limit (mae " in ended.stdout and "(origin LGA), required at worst 40)" in ended.stdout
    assert ended.stdout.count("block") == 1
    evaluation = record(only_run(broken_feed), "evaluation")
    slices = evaluation["slices"]
    mae = {one["value"]: one["candidate"]["mae"]["estimate"]["value"] for one in slices if one["by"] == "origin"}
    assert mae["LGA"] > 3 * max(mae["EWR"], mae["JFK"]) and len(mae) == 3
    assert sum(one["num_rows"] for one in slices if one["by"] == "carrier") == evaluation["num_rows"]


@pytest.mark.slow
def test_streamed_rows_are_sliced_the_same(one_ray, demo):
    changes = {"training.epochs": 1, "evaluation.slices": ["carrier", "origin", "distance", "tailnum"]}
    runs = {}
    for mode in ("memory", "stream"):
        spec = api.load(demo / SHIPPED.name, set=changed({**changes, "data.ingest": mode}))
        runs[mode] = api.run(api.plan(spec, AS_OF))
        assert not isinstance(runs[mode].verdict, Rejected)  # the second is a repetition, and waits for a person
    of = {mode: {(s.by, s.value): s.num_rows for s in run.evaluation.slices} for mode, run in runs.items()}
    assert of["memory"] == of["stream"]
    by_tail = [value for by, value in of["memory"] if by == "tailnum"]
    assert len(by_tail) == 50 and "(other)" in by_tail
    assert len([value for by, value in of["memory"] if by == "distance"]) == 5
    assert runs["memory"].evaluation.latency.num_rows == LATENCY_ROWS
    assert runs["memory"].evaluation.candidate_bytes == runs["memory"].fit.candidate.num_bytes
