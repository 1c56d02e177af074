"""Rows that break the contract: judged in the read task, and left out of the same windows in memory and in a stream."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from in_this_process import read
from small_flights import AS_OF, SHIPPED, changed, write_demo

from raytemplate import api
from raytemplate.data.judged_rows import joined, take_out
from raytemplate.data.promises import Promises, RowPromise
from raytemplate.data.raw_rows import RowRules
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.data.windows import SIDE
from raytemplate.engines.ray.data import streamed, window_rows
from raytemplate.engines.ray.data.pieces import Pieces, pieces_of, pieces_of_listing, read_piece, take_accounts
from raytemplate.errors import DataError, SpecError
from raytemplate.planning.stages import id_of, plan_id
from raytemplate.records import codec
from raytemplate.spec.load import load

WIND = {
    "contract.rows": [{"rule": "wind_speed <= 40", "on_breach": "quarantine"}],
    "contract.max_quarantined": "50 %",
}


def plan_of(small, **changes):
    return api.plan(small({**WIND, **changes}), AS_OF).plan


def judged(stage):
    """(kept, found, quarantined) of a stage read at once, as in memory."""
    blocks = [read_piece(piece) for piece in pieces_of(stage)]
    rows = pa.concat_tables([take_accounts(block)[0] for block in blocks])
    kept, _, parts = window_rows.cut_and_drop(rows, stage)
    return kept, joined(part.found for part in parts), [part.quarantined for part in parts if part.quarantined]


def test_rows_are_left_out_and_located(small, demo):
    stage = plan_of(small, **{"contract.max_quarantined": 100}).ingest
    kept, found, (rows,) = judged(stage)
    assert found.quarantined == {"validation": rows.num_rows} and rows.num_rows > 5
    assert all(pc.max(table.column("wind_speed")).as_py() <= 120 for table in kept.values())
    file, row = rows.column("_file")[0].as_py(), rows.column("_row")[0].as_py()
    assert pq.read_table(demo / file).column("wind_speed")[row - 1].as_py() > 40


def test_a_stream_leaves_out_the_same_rows(small):
    stage = plan_of(small).ingest
    kept, found, (rows,) = judged(stage)
    blocks = [
        streamed._block_of(block, stage) for task in Pieces(pieces_of(stage)).get_read_tasks(1) for block in task()
    ]
    parts = [codec.decode(streamed._Block, json.loads(b.column("block")[0].as_py())) for b in blocks]
    assert joined(one for part in parts for one in part.judged) == found
    packed = [b.column("quarantined")[0].as_py() for b in blocks]
    assert pa.concat_tables([pa.ipc.open_stream(p).read_all() for p in packed if p]) == rows
    for window in stage.windows:
        again = [streamed._keep(read_piece(piece), stage, window.name) for piece in pieces_of(stage, window)]
        assert pa.concat_tables(again) == kept[window.name]


def test_a_masked_column_is_judged_by_its_values_and_kept_masked(small, monkeypatch):
    monkeypatch.setenv("K", "a key of 16 or more characters")
    masks = {"data.mask_key": {"env": "K"}, "data.mask.carrier": "hash", "data.mask.wind_speed": {"bucket": 10}}
    _, plain, (before,) = judged(plan_of(small).ingest)
    _, found, (after,) = judged(plan_of(small, **masks).ingest)
    assert found.quarantined == plain.quarantined
    assert set(after.column("wind_speed").to_pylist()) == {40.0}
    assert {len(carrier) for carrier in after.column("carrier").to_pylist()} == {32}
    assert "wind_speed 4" not in str(found).replace("40.0", "") and after.column("_row") == before.column("_row")


@pytest.mark.parametrize("side", ["", "validation"])
def test_without_a_time_rows_keep_their_sides_and_numbers(side, tmp_path):
    (tmp_path / "a.csv").write_text("k,w\n" + "".join(f"{n},{n % 7}\n" for n in range(1, 401)))
    (piece,) = pieces_of_listing(list_files("csv", ListOrder(pattern="a.csv", root=tmp_path)), ("k", "w"))
    rules = RowRules(promises=Promises(rows=(RowPromise(rule="w < 6", on_breach="quarantine"),)))
    split = Split(validation=0.3, test=0.3, seed=0, columns=("k", "w"), by_keys=True, kinds=("number", "number"))
    rows = read_piece(replace(piece, split=split, side=side, rules=Rules(), judges=rules, slices=((0, 400),)))
    table = take_out(rows.drop_columns([SIDE]), "train", str)[1].quarantined
    assert table is not None and table.column("_row") == table.column("k")
    assert set(table.column("w").to_pylist()) == {6}


def test_what_only_tells_leaves_the_plan_as_it_was(small):
    plain = api.plan(small({"contract.rows": []}), AS_OF).plan
    warn = plan_of(small, **{"contract.rows": ["wind_speed <= 5000"], "contract.min_rows": 3})
    assert warn.id == plain.id and plain.ingest.promises is None
    assert plan_of(small).id != plain.id
    written = codec.encode(replace(plain, id=""))
    for name in ("promises", "row_numbers", "source_columns"):
        del written["ingest"][name]
    assert id_of(written) == plan_id(plain)  # as an earlier version wrote it


REFUSED = {
    "fails": ({"contract.rows": ["wind_speed <= 40"]}, 'contract.rows: .* rows break "wind_speed <= 40"; the first in'),
    "too many": ({"contract.max_quarantined": 3}, "rows are quarantined, expected at most 3"),
    "too few": ({"contract.min_rows": 10**6}, "contract.min_rows: .* rows are left in the windows, expected"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_a_run_is_refused(changes, message, small):
    with pytest.raises(DataError, match=message):
        read(plan_of(small, **changes).ingest)


WRONG = {
    "column": ({"contract.rows": ["wind_sped <= 120"]}, 'no column "wind_sped" in the data; did you mean wind_speed?'),
    "type": ({"contract.rows": ["carrier <= 120"]}, 'contract.rows: "carrier" is a text and 120'),
    "regex": ({"contract.columns.carrier": {"type": "text", "regex": "(?=A)"}}, "expected RE2 syntax"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_a_rule_that_does_not_fit_the_data_is_located(changes, message, small):
    with pytest.raises(SpecError) as refused:
        plan_of(small, **changes)
    assert message in refused.value.what


def test_the_shipped_template_finds_the_cold_hour_in_may(tmp_path, flights):
    demo = write_demo(tmp_path / "demo", flights, months=(4, 5))
    stage = api.plan(load(demo / SHIPPED.name, overrides=changed(), environ={}), "2013-05-16").plan.ingest
    _, found, _ = judged(stage)
    (broken,) = found.broken
    assert (broken.promise.split(" or ")[0], broken.on_breach, broken.num_rows) == ("temp >= 30", "warn", 6)
    assert dict(broken.examples[0].values)["temp"] == "13.1"
