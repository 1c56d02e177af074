"""MLflow's database is there whole or not at all; a half-made one is made anew unless somebody's work is in it."""

import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.store.workspace import Workspace, create

RAW = """
import sys
from mlflow import MlflowClient
MlflowClient(tracking_uri=f"sqlite:///{sys.argv[1]}")
"""
OURS = """
import sys
from pathlib import Path
from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.store.workspace import Workspace
Mirror(Workspace(Path(sys.argv[1]))).open()
"""
LIMIT_BYTES = 300_000


def on_a_full_disk(code, *arguments):
    """A process of its own that can write no file beyond a size, as on a disk that is full."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))

    return subprocess.run(
        [sys.executable, "-X", "faulthandler=0", "-c", code, *map(str, arguments)], capture_output=True, text=True,
        preexec_fn=limit, timeout=240,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = Workspace(tmp_path_factory.mktemp("whole"))
    create(place)
    mirror = Mirror(place)
    mirror.open()
    assert mirror.said == []
    return place.mlflow_db


@pytest.fixture
def place(tmp_path, whole):
    made = Workspace(tmp_path)
    create(made)
    shutil.copy(whole, made.mlflow_db)
    return made


def names(place):
    return sorted(path.name for path in place.root.iterdir() if "mlflow.db" in path.name)


def in_order(place):
    """Whether MLflow works with it, in a process that has not seen it before."""
    code = RAW + "MlflowClient(tracking_uri=f'sqlite:///{sys.argv[1]}').create_experiment('one')"
    return (
        subprocess.run([sys.executable, "-c", code, str(place.mlflow_db)], capture_output=True, timeout=240).returncode
        == 0
    )


def edit(place, *statements):
    with closing(sqlite3.connect(place.mlflow_db)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_a_disk_that_is_full_leaves_no_database_and_the_next_run_makes_it(tmp_path):
    place = Workspace(tmp_path)
    create(place)
    failed = on_a_full_disk(OURS, tmp_path)
    assert failed.returncode != 0
    assert names(place) == []
    Mirror(place).open()
    assert names(place) == ["mlflow.db"] and in_order(place)


def test_one_that_mlflow_left_half_made_on_a_full_disk_is_kept_and_made_anew(tmp_path):
    place = Workspace(tmp_path)
    create(place)
    assert on_a_full_disk(RAW, place.mlflow_db).returncode != 0 and place.mlflow_db.exists()
    mirror = Mirror(place)
    mirror.open()
    assert mirror.said == [
        "mlflow.db was half made and held no run: it was made anew, the old one is mlflow.db.half-made-1"
    ]
    assert names(place) == ["mlflow.db", "mlflow.db.half-made-1"] and in_order(place)


HALF_MADE = {
    "no revision": ["DELETE FROM alembic_version"],
    "no table of revisions": ["DROP TABLE alembic_version"],
    "a step left over": ["CREATE TABLE _alembic_tmp_tags (key TEXT)"],
    "a table missing": ["DROP TABLE model_versions"],
    "hardly begun": ["DROP TABLE alembic_version", "DROP TABLE runs", "DROP TABLE registered_models"],
}


@pytest.mark.parametrize("statements", HALF_MADE.values(), ids=HALF_MADE)
def test_a_half_made_one_without_a_run_is_made_anew(place, statements):
    edit(place, "PRAGMA foreign_keys = OFF", *statements)
    mirror = Mirror(place)
    mirror.open()
    assert (names(place), len(mirror.said)) == (["mlflow.db", "mlflow.db.half-made-1"], 1)
    Mirror(place).open()
    assert names(place) == ["mlflow.db", "mlflow.db.half-made-1"]


def test_an_emptied_one_is_made_anew_and_old_journals_are_not_played_into_it(place):
    place.mlflow_db.write_bytes(b"")
    journal = place.mlflow_db.with_name("mlflow.db-journal")
    journal.write_bytes(b"x" * 512)
    Mirror(place).open()
    assert not journal.exists() and "mlflow.db.half-made-1" in names(place)


WORK = {
    "a run": "INSERT INTO runs (run_uuid, lifecycle_stage) VALUES ('r', 'active')",
    "a model": "INSERT INTO registered_models (name) VALUES ('m')",
}


@pytest.mark.parametrize("statement", WORK.values(), ids=WORK)
def test_a_half_made_one_with_work_in_it_is_left_as_it_is(place, statement):
    edit(place, statement, "DELETE FROM alembic_version")
    before = place.mlflow_db.stat().st_ino
    with pytest.raises(Exception, match=r"already exists|out-of-date"):
        Mirror(place).open()
    assert (names(place), place.mlflow_db.stat().st_ino) == (["mlflow.db"], before)


def test_one_that_cannot_be_read_is_left_as_it_is(place):
    place.mlflow_db.write_bytes(b"x" * 9000)
    with pytest.raises(Exception, match="not a database"):
        Mirror(place).open()
    assert place.mlflow_db.read_bytes() == b"x" * 9000


def test_a_whole_one_stays_also_one_that_an_earlier_version_made(place):
    edit(place, "INSERT INTO runs (run_uuid, lifecycle_stage) VALUES ('r', 'active')", "PRAGMA user_version = 0")
    before = place.mlflow_db.stat().st_ino
    Mirror(place).open()
    assert (names(place), place.mlflow_db.stat().st_ino) == (["mlflow.db"], before)
