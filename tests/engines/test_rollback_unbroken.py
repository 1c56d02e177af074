"""A rollback needs nothing of MLflow, and there is a champion at every moment of it and of a kill."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from raytemplate import api
from raytemplate.conducting.restoring import restore
from raytemplate.engines.mlflow.mirror import Mirror, tracking_uri
from raytemplate.engines.mlflow.seen import digest_by_bytes, read_local
from raytemplate.errors import RaytemplateError
from raytemplate.execution.decide import roll_back
from raytemplate.history.in_mlflow import ask
from raytemplate.history.verified import export_ledger, verify_ledger
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.outside import keep_checkpoint
from raytemplate.records.judged import Actor
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace, create

FIXTURE = Path(__file__).parents[1] / "fixtures" / "workspace_0_1" / "workspace"
MODEL, ADA = "pump-pressure", Actor(name="ada", reason="it drifts")
ROWS = pa.table({"pump": ["a", "b", "z"], "speed": [1.0, 5.0, 9.0], "level": [0.5, None, 2.0]})
NUM_ROLLBACKS, NUM_KILLS = 50, 50


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Versions 1 and 2 were champions, version 2 is; version 3 waits."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Workspace(tmp_path)
    shutil.copytree(FIXTURE, made.root)
    create(made)
    return made


def back(workspace, version):
    return roll_back(open_ledger(workspace), ContentStore(workspace.models), MODEL, version, actor=ADA)


def predicted(workspace, ref):
    return api.model(ref, workspace=str(workspace.folder)).predict(ROWS).column("prediction").to_pylist()


def test_a_rollback_predicts_as_before_to_the_bit_though_mlflows_files_are_gone(workspace):
    before = predicted(workspace, f"{MODEL}/1")
    Mirror(workspace).project(MODEL)
    shutil.rmtree(workspace.mlartifacts)
    workspace.mlflow_db.unlink()
    assert back(workspace, 1).head.version == 1
    assert predicted(workspace, MODEL) == before


def test_there_is_a_champion_that_predicts_at_every_moment_of_fifty_rollbacks(workspace):
    expected = {version: predicted(workspace, f"{MODEL}/{version}") for version in (1, 2)}
    seen: list[object] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            head = open_ledger(workspace).head(MODEL)
            found = api.model(MODEL, workspace=str(workspace.folder))
            values = found.predict(ROWS).column("prediction").to_pylist()
            seen.append(head is not None and values == expected[found.version])

    watching = threading.Thread(target=watch)
    watching.start()
    for number in range(NUM_ROLLBACKS):
        assert back(workspace, 1 + number % 2).head.version == 1 + number % 2
    done.set()
    watching.join()
    assert len(seen) > 5 and all(seen)


def decide(workspace, export, chance):
    """What a promoter's process does, again and again, until it is killed."""
    if chance.random() < 0.3:
        restore(export, workspace, ADA)
    grounds = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
    while True:
        ledger = open_ledger(workspace)
        history = ledger.history(MODEL)
        if chance.random() < 0.5:
            to = chance.choice([version for version in history.versions if version.state != "champion"])
            ledger.promote(MODEL, to.digest, to.run_id, to.seen_until, history.term, ADA, grounds)
        else:
            back(workspace, next(head.version for head in history.heads if head.version != history.head.version))
        keep_checkpoint(ledger)
        Mirror(workspace).project(MODEL)


def in_child(work, *arguments) -> int:
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
        except RaytemplateError as error:
            print(error.what, flush=True)
            os._exit(1)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(2)
        os._exit(0)
    return child


@pytest.mark.slow  # fifty processes that use MLflow
@pytest.mark.timeout(600)
def test_a_kill_at_any_moment_of_a_decision_leaves_a_whole_ledger_and_one_repair_mends_mlflow(workspace, tmp_path):
    Mirror(workspace).project(MODEL)  # and imports what the children need
    back(workspace, 1)
    chance, terms = random.Random(7), set()
    for number in range(NUM_KILLS):
        term = open_ledger(workspace).history(MODEL).term
        export_ledger(tmp_path / "export.jsonl", workspace)
        child = in_child(decide, workspace, tmp_path / "export.jsonl", random.Random(number))
        time.sleep(chance.uniform(0.0, 0.6))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert verify_ledger(workspace).faults == ()
        history = open_ledger(workspace).history(MODEL)
        assert history.term >= term and history.head is not None
        terms.add(history.term - term)
        repair = in_child(lambda: os._exit(0 if Mirror(workspace).repair(MODEL).left == () else 3))
        assert os.waitpid(repair, 0)[1] == 0
        seen = read_local(tracking_uri(workspace), MODEL)
        [champion] = [version for version in seen.versions if version.number == seen.aliases["champion"]]
        assert digest_by_bytes(champion) == history.head.digest and ask(MODEL, history, workspace) == ()
    assert len(terms) > 1  # some were killed before a move, others after
