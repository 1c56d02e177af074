"""MLflow's database is complete or absent; a half-made one is replaced unless it contains a user's work."""

import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from raytemplate.engines.mlflow.database import make_whole
from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.store.workspace import Workspace, create

BOTH = """
import os, sys
from pathlib import Path
from mlflow import MlflowClient
from raytemplate.engines.mlflow.database import make_whole
from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.store.workspace import Workspace

for make in (Mirror(Workspace(Path(sys.argv[1]))).open, lambda: MlflowClient(tracking_uri=f"sqlite:///{sys.argv[2]}")):
    try:
        make()
    except Exception:
        print("failed", flush=True)
os._exit(0)  # like a killed process: nothing is cleaned up
"""
LIMIT_BYTES = 300_000


def on_a_full_disk(code, *arguments):
    """Run code in a process that cannot write files beyond a size, as on a full disk."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))

    return subprocess.run(
        [sys.executable, "-X", "faulthandler=0", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=240,
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Two folders in which the disk was full before the database was complete: made by us, and by MLflow."""
    ours, raw = (Workspace(tmp_path_factory.mktemp(name)) for name in ("ours", "raw"))
    for each in (ours, raw):
        create(each)
    failed = on_a_full_disk(BOTH, ours.folder, raw.mlflow_db)
    assert (failed.returncode, failed.stdout) == (0, "failed\nfailed\n"), failed.stderr
    return ours, raw


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("whole"))
    create(workspace)
    mirror = Mirror(workspace)
    mirror.open()
    assert mirror.said == []
    return workspace.mlflow_db


@pytest.fixture
def workspace(tmp_path, whole):
    made = Workspace(tmp_path)
    create(made)
    shutil.copy(whole, made.mlflow_db)
    return made


def names(workspace):
    return sorted(path.name for path in workspace.root.iterdir() if "mlflow.db" in path.name)


def in_order(workspace, tmp_path):
    """Whether MLflow can use it. It gets a copy, since MLflow in this process may remember the original."""
    from mlflow import MlflowClient

    copy = shutil.copy(workspace.mlflow_db, tmp_path / "copy.db")
    return MlflowClient(tracking_uri=f"sqlite:///{copy}").create_experiment("one") != ""


def edit(workspace, *statements):
    with closing(sqlite3.connect(workspace.mlflow_db)) as db, db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.slow
def test_a_disk_that_is_full_leaves_no_database_and_the_next_run_makes_it(full, tmp_path):
    workspace, _ = full
    assert names(workspace) == []
    Mirror(workspace).open()
    assert names(workspace) == ["mlflow.db"] and in_order(workspace, tmp_path)


@pytest.mark.slow
def test_one_that_mlflow_left_half_made_on_a_full_disk_is_kept_and_made_anew(full, tmp_path):
    _, workspace = full
    assert workspace.mlflow_db.exists()
    mirror = Mirror(workspace)
    mirror.open()
    assert mirror.said == [
        "mlflow.db was half made and held no run: it was made anew, the old one is mlflow.db.half-made-1"
    ]
    assert names(workspace) == ["mlflow.db", "mlflow.db.half-made-1"] and in_order(workspace, tmp_path)


HALF_MADE = {
    "no revision": ["DELETE FROM alembic_version"],
    "no table of revisions": ["DROP TABLE alembic_version"],
    "a step left over": ["CREATE TABLE _alembic_tmp_tags (key TEXT)"],
    "a table missing": ["DROP TABLE model_versions"],
    "hardly begun": ["DROP TABLE alembic_version", "DROP TABLE runs", "DROP TABLE registered_models"],
}


@pytest.mark.parametrize("statements", HALF_MADE.values(), ids=HALF_MADE)
def test_a_half_made_one_without_a_run_is_made_anew(workspace, statements):
    edit(workspace, "PRAGMA foreign_keys = OFF", *statements)
    mirror = Mirror(workspace)
    mirror.open()
    assert (names(workspace), len(mirror.said)) == (["mlflow.db", "mlflow.db.half-made-1"], 1)
    Mirror(workspace).open()
    assert names(workspace) == ["mlflow.db", "mlflow.db.half-made-1"]


def test_an_emptied_one_is_made_anew_and_old_journals_are_not_played_into_it(workspace):
    workspace.mlflow_db.write_bytes(b"")
    journal = workspace.mlflow_db.with_name("mlflow.db-journal")
    journal.write_bytes(b"x" * 512)
    Mirror(workspace).open()
    assert not journal.exists() and "mlflow.db.half-made-1" in names(workspace)


WORK = {
    "a run": "INSERT INTO runs (run_uuid, lifecycle_stage) VALUES ('r', 'active')",
    "a model": "INSERT INTO registered_models (name) VALUES ('m')",
}


@pytest.mark.parametrize("statement", WORK.values(), ids=WORK)
def test_a_half_made_one_with_work_in_it_is_left_as_it_is(workspace, statement):
    edit(workspace, statement, "DELETE FROM alembic_version")
    before = workspace.mlflow_db.stat().st_ino
    with pytest.raises(Exception, match=r"already exists|out-of-date"):
        Mirror(workspace).open()
    assert (names(workspace), workspace.mlflow_db.stat().st_ino) == (["mlflow.db"], before)


def test_one_that_cannot_be_read_is_left_as_it_is(workspace):
    workspace.mlflow_db.write_bytes(b"x" * 9000)
    with pytest.raises(Exception, match="not a database"):
        Mirror(workspace).open()
    assert workspace.mlflow_db.read_bytes() == b"x" * 9000


def test_a_whole_one_stays_also_one_that_an_earlier_version_made(workspace):
    edit(workspace, "INSERT INTO runs (run_uuid, lifecycle_stage) VALUES ('r', 'active')", "PRAGMA user_version = 0")
    before = workspace.mlflow_db.stat().st_ino
    Mirror(workspace).open()
    assert (names(workspace), workspace.mlflow_db.stat().st_ino) == (["mlflow.db"], before)


def rows(path, query):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_the_empty_database_is_made_once_and_copied_into_other_workspaces(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, second = (Workspace(tmp_path / name) for name in ("first", "second"))
    for each in (first, second):
        create(each)
        Mirror(each).open()
    (kept,) = (tmp_path / "cache" / "raytemplate").iterdir()
    tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    assert rows(second.mlflow_db, tables) == rows(first.mlflow_db, tables) == rows(kept, tables)
    assert rows(kept, "SELECT * FROM experiments") == []
    assert len(rows(second.mlflow_db, "SELECT * FROM experiments")) == 1


def test_a_kept_database_that_is_damaged_is_made_anew(tmp_path):
    kept = tmp_path / "kept.db"
    kept.write_bytes(b"SQLite format 3\0 and no more")

    def build(new):
        with closing(sqlite3.connect(new)) as db, db:
            db.executescript("CREATE TABLE experiments (name); CREATE TABLE alembic_version (v);")
            db.execute("INSERT INTO alembic_version VALUES ('1')")

    assert make_whole(tmp_path / "new.db", build, kept) == ""
    assert rows(kept, "SELECT v FROM alembic_version") == rows(tmp_path / "new.db", "SELECT v FROM alembic_version")
