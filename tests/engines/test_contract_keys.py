"""Keys that rows repeat: told, or left out, in memory and in a stream."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_this_process import read
from small_flights import AS_OF

from raytemplate import api
from raytemplate.engines.ray.data import streamed
from raytemplate.engines.ray.data.keys import KeyIndexes
from raytemplate.engines.ray.data.pieces import Pieces, pieces_of, read_piece
from raytemplate.errors import DataError, SpecError
from raytemplate.records import codec

KEYS = ["time_hour", "carrier", "flight", "origin"]


def double(demo) -> None:
    """Every 50th flight of February twice, the second time at the end of the file."""
    path = demo / "data/flights/2013-02.parquet"
    table = pq.read_table(path)
    again = table.take(pa.array(np.arange(0, table.num_rows, 50)))
    pq.write_table(pa.concat_tables([table, again]), path, row_group_size=5_000)


@pytest.fixture
def twice(demo):
    """The demo with some flights twice."""
    double(demo)
    return demo


def stage_of(small, fate, **changes):
    key = {"contract.unique": {"rule": KEYS, "on_breach": fate}, "contract.max_quarantined": "10 %"}
    return api.plan(small({**key, **changes}), AS_OF).plan.ingest


def test_of_rows_with_one_key_the_first_stays(small, demo):
    before = read(stage_of(small, "fail"))
    double(demo)
    after = read(stage_of(small, "quarantine"))
    assert after == before


def test_a_stream_leaves_out_the_same_rows(small, twice):
    stage = stage_of(small, "quarantine")
    kept, keys = read(stage), KeyIndexes(stage, None)
    for block in (block for task in Pieces(pieces_of(stage)).get_read_tasks(1) for block in task()):
        keys.add(streamed._block_of(block, stage).column("keys")[0].as_py())
    again = [read_piece(one) for one in pieces_of(stage, repeated=keys.repeated())]
    parts = [
        codec.decode(streamed._Block, json.loads(streamed._block_of(b, stage).column("block")[0].as_py()))
        for b in again
    ]
    found = sum(one.num_quarantined for part in parts for one in part.judged)
    assert found == sum(len(one) for one in keys.repeated()) > 200
    for window in stage.windows:
        pieces = pieces_of(stage, window, repeated=keys.repeated())
        rows = pa.concat_tables([streamed._keep(read_piece(piece), stage, window.name) for piece in pieces])
        assert rows == kept[window.name]


def test_a_masked_key_is_the_same_key(small, twice, monkeypatch):
    monkeypatch.setenv("K", "a key of 16 or more characters")
    masks = {"data.mask_key": {"env": "K"}, "data.mask.carrier": {"truncate": 1}, "data.mask.flight": {"bucket": 1000}}
    plain, masked = (read(stage_of(small, "drop", **more)) for more in ({}, masks))
    assert {w: t.num_rows for w, t in masked.items()} == {w: t.num_rows for w, t in plain.items()}


def test_a_run_with_a_key_twice_is_refused_in_one_line(small, twice):
    with pytest.raises(DataError) as refused:
        read(stage_of(small, "fail"))
    assert (
        'rows break "unique: [time_hour, carrier, flight, origin]"; the first in data/flights/2013-02'
        in refused.value.what
    )
    assert refused.value.what.endswith("has the key of an earlier row") and len(refused.value.what.splitlines()) == 1


def test_a_column_may_be_unique_by_itself(small):
    with pytest.raises(DataError, match=r'contract.columns.flight: .* rows break "unique: yes"'):
        read(api.plan(small({"contract.columns.flight": {"type": "integer", "unique": True}}), AS_OF).plan.ingest)


WRONG = {
    "no column": (["time_hour", "fligth"], 'no column "fligth" in the data; did you mean flight?'),
    "twice": (["flight", "flight"], '"flight" is listed twice'),
    "no list": ("flight", 'got "flight", expected a list of columns such as [time_hour, flight]'),
    "empty": ([], "contract.unique"),
}


@pytest.mark.parametrize(("rule", "message"), WRONG.values(), ids=WRONG)
def test_a_key_that_cannot_be_is_located(rule, message, small):
    with pytest.raises(SpecError) as refused:
        api.plan(small({"contract.unique": rule}), AS_OF)
    assert message in refused.value.what
