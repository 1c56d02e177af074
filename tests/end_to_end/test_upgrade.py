"""A workspace written by 0.1 opens, predicts and rolls back; one of a later version is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from raytemplate import api
from raytemplate.cli.main import _run
from raytemplate.errors import ChampionMoved, IntegrityError
from raytemplate.ledger.head import Ledger
from raytemplate.reports.run_shown import show_run
from raytemplate.store.workspace import Workspace

FIXTURE = Path(__file__).parents[1] / "fixtures" / "workspace_0_1"
MODEL = "pump-pressure"
RUNS = {"kmy4ys": "approved", "wex3x4": "approved", "qvmqhr": "rejected", "zn6mre": "held", "c7qb96": "shown"}
ROWS = pa.table({"pump": ["a", "b", "z"], "speed": [1.0, 5.0, 9.0], "level": [0.5, None, 2.0]})

THEN = {
    1: [1.557036755229098, 9.57118273077169, 16.97170288232177],
    2: [1.5143980247533877, 9.530944733379728, 16.993098668575627],
    3: [1.505712480116232, 9.53563251933894, 16.997819478387726],
}
"""Predictions of each model version for `ROWS`, made by the raytemplate that wrote the workspace."""


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A copy of the committed workspace, without empty folders, which git does not keep."""
    shutil.copytree(FIXTURE / "workspace", tmp_path / ".raytemplate")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_fixture_is_small():
    assert sum(path.stat().st_size for path in FIXTURE.rglob("*") if path.is_file()) < 300_000


def test_an_old_workspace_opens(old):
    assert {row.run_id: row.state for row in api.runs().rows} == RUNS
    for run in RUNS:
        found = api.find(run)
        assert run in str(found) and run in show_run(found.view())
        assert api.report(run).startswith("<!doctype html>")
    assert api.find("wex3x4").evaluation.metrics["mae"].value == pytest.approx(0.2596, abs=0.02)
    assert "wex3x4" in str(api.show(MODEL))
    assert [(row.name, row.champion_version) for row in api.models()] == [(MODEL, 2)]
    assert Ledger(Workspace(old).governance_db).faults() == ()
    assert schema_of(old) == 1


@pytest.mark.parametrize("run", RUNS)
def test_a_plan_that_an_old_version_saved_is_not_taken_for_an_edited_one(tmp_path, run):
    locked = json.loads((FIXTURE / "workspace" / "runs" / run / "run.lock").read_text())["plan"]
    saved = tmp_path / "saved.plan"
    saved.write_text(json.dumps({"schema": 1, **locked}))
    assert api.read_plan(saved).plan.id == locked["id"]
    saved.write_text(json.dumps({"schema": 1, **locked, "fit": {**locked["fit"], "num_epochs": 99}}))
    with pytest.raises(IntegrityError, match="edited since it was saved"):
        api.read_plan(saved)


def test_an_old_model_predicts_what_it_did(old):
    predicted = {version: api.model(f"{MODEL}/{version}").predict(ROWS) for version in THEN}
    values = {version: table.column("prediction").to_pylist() for version, table in predicted.items()}
    assert values == {version: pytest.approx(then, abs=1e-9) for version, then in THEN.items()}
    assert api.model(MODEL).predict(ROWS).column("model_version").to_pylist() == [2, 2, 2]


def schema_of(old):
    with closing(sqlite3.connect(old / ".raytemplate" / "governance.db")) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def test_an_old_workspace_rolls_back_and_knows_what_is_stale(old):
    move, warning = api.rollback(MODEL, reason="an old one")
    assert (move.head.version, move.head.run_id, warning) == (1, "kmy4ys", "")
    assert (schema_of(old), Ledger(Workspace(old).governance_db).faults()) == (3, ())
    assert [(event.event, event.version, event.reason) for event in api.show(MODEL).events] == [
        ("promoted", 1, "automatic"),
        ("promoted", 2, "automatic"),
        ("waiting", 3, ""),
        ("rolled-back", 1, "an old one"),
    ]
    with pytest.raises(ChampionMoved, match="run zn6mre was judged against an earlier one"):
        api.promote("zn6mre")


def newer(path, kind):
    if kind == "ledger":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=99")
    else:
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))


NEWER = {
    "record": ("runs/wex3x4/evaluation.json", ["show", "wex3x4"]),
    "plan": ("runs/wex3x4/run.lock", ["report", "wex3x4"]),
    "ledger": ("governance.db", ["models"]),
}


@pytest.mark.parametrize("kind", NEWER)
def test_what_a_later_version_wrote_is_refused_with_one_sentence(old, capsys, kind):
    name, command = NEWER[kind]
    newer(old / ".raytemplate" / name, kind)
    assert _run(command) == 7
    said = capsys.readouterr().err
    reads = 3 if kind == "ledger" else 1
    assert f"{name.rpartition('/')[2]}: written with schema 99, this version reads up to {reads}" in said
    assert said.rstrip().endswith("pip install --upgrade raytemplate") and "Traceback" not in said


def test_a_run_list_names_what_a_later_version_wrote(old):
    newer(old / ".raytemplate" / "runs" / "wex3x4" / "end.json", "record")
    listed = api.runs()
    assert len(listed.rows) == 4 and "schema 99" in str(listed.damaged)
