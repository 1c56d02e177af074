"""What counts as an answer of the promoter, and that MLflow's copy never gets in the way, even on a full disk."""

import errno
import os
import signal
import subprocess
import sys
import time
from shutil import rmtree

import pytest

from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.conducting.promoting import Promoting, _answer
from raytemplate.errors import EngineError
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing.sample_plans import sample_plan
from raytemplate.testing.samples import sample_promotion

HALF = ["", "{", '{"error": ', '{"error": "ChampionMoved", "what": "x", "next_st', "{}", "\\xe2"]


@pytest.mark.parametrize("half", HALF)
def test_half_an_answer_is_that_of_one_that_died(tmp_path, half):
    workspace = Workspace(tmp_path)
    create(workspace)
    promoter = PromoterProcess(workspace, None, tmp_path / "log", "ada")
    os.kill(promoter._process.pid, signal.SIGKILL)
    promoter.close()
    dies = f"import os; input(); os.write(1, b'{half}'); os.kill(os.getpid(), 9)"
    promoter._process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", dies], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with promoter, pytest.raises(EngineError, match="the promoting process ended before it answered") as died:
        promoter.decide(Journal(tmp_path / "k7q2"))
    assert (died.value.exit_code, died.value.next_step) == (8, "raytemplate resume k7q2")
    promoter._process.stdout.close()


def test_a_copy_that_takes_too_long_is_given_up_and_the_decision_stands(promoted):
    workspace, journal = promoted
    promoter = PromoterProcess(workspace, None, journal.log, "ada")
    promoter.kill()
    promoter.close()
    silent = [sys.executable, "-S", "-E", "-c", "import time; input(); time.sleep(60)"]
    promoter._process = subprocess.Popen(silent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    began = time.monotonic()
    with promoter:
        promoter.project(journal, within_s=-3.0)
    assert time.monotonic() - began < 2 and promoter._process.returncode == -signal.SIGKILL
    record = journal.need(PromotionRecord)
    assert (record.outcome, record.projected) == ("promoted", False)
    assert record.warning.startswith("MLflow did not answer within the time of the run")
    promoter._process.stdout.close()


@pytest.fixture
def promoted(tmp_path):
    """A run that was promoted, in a workspace where MLflow fails."""
    workspace = Workspace(tmp_path)
    create(workspace)
    journal = Journal(new_run(workspace)[1])
    write_lock(journal, sample_plan(), None)
    journal.write(sample_promotion(projected=False, warning=""))
    rmtree(workspace.locks)
    workspace.locks.write_text("in the way")
    return workspace, journal


def project(workspace, journal):
    return _answer({"do": "project", "run": journal.run_id}, Promoting(workspace, []))


def test_mlflow_that_cannot_be_told_is_a_warning_in_the_record_and_a_file(promoted):
    workspace, journal = promoted
    assert project(workspace, journal) == {}
    record = journal.need(PromotionRecord)
    assert (record.projected, "MLflow could not be brought in line" in record.warning) == (False, True)
    assert (journal.folder / "mlflow-error.txt").read_text() == record.warning + "\n"


def test_a_disk_that_is_full_for_the_file_alone_leaves_the_warning(promoted):
    workspace, journal = promoted
    (journal.folder / "mlflow-error.txt").symlink_to("/dev/full")
    assert project(workspace, journal) == {}
    assert "MLflow could not be brought in line" in journal.need(PromotionRecord).warning


def test_a_disk_that_is_full_for_everything_leaves_the_promotion_as_it_was(promoted, monkeypatch, capsys):
    workspace, journal = promoted
    before = (journal.folder / "promotion.json").read_bytes()
    (journal.folder / "mlflow-error.txt").symlink_to("/dev/full")

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert project(workspace, journal) == {}
    assert (journal.folder / "promotion.json").read_bytes() == before
    assert "that could not be recorded" in capsys.readouterr().err
    with monkeypatch.context() as patch, open("/dev/full", "w", buffering=1) as stderr:
        patch.setattr(os, "write", full)
        patch.setattr(sys, "stderr", stderr)
        assert project(workspace, journal) == {}
        patch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stderr.fileno())  # buffered output has to go somewhere
