"""A source without files (a database table) needs only its own module and a line in the table of plug-ins."""

import pickle
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from raytemplate import api, plugins
from raytemplate.data.snapshot import snapshot_of
from raytemplate.engines.ray.data.pieces import account_of, pieces_of, read_piece, take_accounts
from raytemplate.errors import IntegrityError
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.spec.load import load

TEMPLATE = """\
name: sales
version: "1.0.0"
owner: someone@example.org
data:
  source: shop.db/sales
  format: sqlite
  time: at
  target: y
  windows: {train: 60d, validation: 10d, test: 10d}
features: {numeric: [x], categorical: [c]}
model: {kind: linear}
budget: {time: 10m}
evaluation: {metric: rmse}
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPlan]:
    """A hundred days with 48 rows each, with the types as read from a file."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "plugin_sample"))
    monkeypatch.setitem(plugins._SHIPPED["raytemplate.sources"], "sqlite", "raytemplate_sample.sqlite:SqliteSource")
    rows = [
        ((datetime(2013, 1, 1) + timedelta(minutes=30 * n)).isoformat(), n % 7 / 2, "ab"[n % 2], n) for n in range(4800)
    ]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE sales (at TIMESTAMP, x REAL, c TEXT, y INTEGER)")
        database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
        database.execute("PRAGMA user_version = 7")
    (tmp_path / "sales.yaml").write_text(TEMPLATE)
    made = api.plan(load(tmp_path / "sales.yaml"), "latest", workspace=str(tmp_path)).plan
    yield codec.loads(RunPlan, codec.dumps(made))
    for name in [name for name in sys.modules if name.startswith("raytemplate_sample")]:
        del sys.modules[name]


def test_plan_holds_the_slices_in_the_windows_and_what_is_read_are_their_rows(plan: RunPlan) -> None:
    (table,) = plan.ingest.files
    assert (table.path, table.size_bytes, table.slices, plan.ingest.version) == (
        "shop.db/sales",
        0,
        (0, 1, 2, 3, 4),
        "7",
    )
    assert [window.num_rows for window in plan.ingest.windows] == [2880, 480, 480]

    found = [take_accounts(read_piece(pickle.loads(pickle.dumps(piece)))) for piece in pieces_of(plan.ingest)]
    rows = pa.concat_tables([table for table, _ in found])
    accounts = account_of(plan.ingest, [account for _, some in found for account in some])
    counts = {window.name: window.num_rows for window in plan.ingest.windows}
    snapshot = snapshot_of(plan.ingest, accounts, counts, dict.fromkeys(counts, 0), "here")

    assert rows.column("y").to_pylist() == list(range(960, 4800))
    assert (snapshot.source, snapshot.version, [file.path for file in snapshot.files]) == (
        "sqlite",
        "7",
        ["shop.db/sales"],
    )
    assert min(rows.column("at").to_pylist()).replace(tzinfo=UTC) == plan.ingest.window("train").start


def test_table_that_changed_since_the_plan_is_refused(plan: RunPlan) -> None:
    with closing(sqlite3.connect(Path(plan.ingest.root) / "shop.db")) as database, database:
        database.execute("UPDATE sales SET x = 99 WHERE rowid = 4000")
    with pytest.raises(IntegrityError, match=r"shop\.db/sales: changed since it was planned"):
        [read_piece(piece) for piece in pieces_of(plan.ingest)]
