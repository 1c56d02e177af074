"""Plans of earlier versions, which had a field for each part of what is now a handle, read the same rows."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from raytemplate.api import read_plan
from raytemplate.data.snapshot import snapshot_of
from raytemplate.engines.ray.data.pieces import account_of, pieces_of, read_piece, take_accounts
from raytemplate.planning.stages import RunPlan, id_of
from raytemplate.records import codec
from raytemplate.records.ingested import Snapshot

FIXTURES = Path(__file__).parents[1] / "fixtures"
PLAN = FIXTURES / "plan_0_1" / "plan.json"
"""A plan of version 0.1: CSV, a column from the paths, and the second file's columns in another order."""


def test_rows_of_an_earlier_plan_are_those_that_its_own_version_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PLAN.parent)
    plan = read_plan(PLAN).plan
    found = [take_accounts(read_piece(piece)) for piece in pieces_of(plan.ingest)]
    rows = pa.concat_tables([table for table, _ in found])
    accounts = account_of(plan.ingest, [account for _, some in found for account in some])
    windows = {window.name: window.num_rows for window in plan.ingest.windows}
    snapshot = snapshot_of(plan.ingest, accounts, windows, dict.fromkeys(windows, 0), "here")

    assert rows.num_rows == sum(windows.values()) == 160
    assert (rows.slice(0, 1).to_pylist(), rows.slice(159, 1).to_pylist()) == (
        [{"day": pa.scalar(16003, pa.date32()).as_py(), "y": 48, "x": 3.5, "year": 2013, "c": "Ä"}],
        [{"day": pa.scalar(16162, pa.date32()).as_py(), "y": 366, "x": 1.5, "year": 2014, "c": "Ä"}],
    )
    assert snapshot.digest == "ead683e1ba45ccff229fe09cf620d7bf187c76c9582b8cadbc63939fb2e28954"


@pytest.mark.parametrize(
    "lock", sorted(FIXTURES.glob("workspace_0_1/workspace/runs/*/run.lock")), ids=lambda p: p.parent.name
)
def test_plan_of_every_earlier_run_is_read_with_its_id_and_its_row_groups(lock: Path) -> None:
    written = json.loads(lock.read_bytes())["plan"]
    plan = codec.decode(RunPlan, written)

    assert plan.id == written["id"] == id_of(written)
    assert [(f.path, f.slices, f.sha256) for f in plan.ingest.files] == [
        (f["path"], tuple(f["row_groups"]), f["footer_sha256"]) for f in written["ingest"]["files"]
    ]
    assert codec.loads(RunPlan, codec.dumps(plan)) == plan
    snapshot = codec.loads(Snapshot, (lock.parent / "snapshot.json").read_bytes())
    assert (snapshot.source, snapshot.version) == ("", "")
