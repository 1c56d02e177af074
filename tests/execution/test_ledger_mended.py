"""`ledger repair` and `ledger restore` as a person uses them."""

import shutil
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from command_line import here
from deaf_server import deaf_server
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.execution.lock import write_lock
from raytemplate.ledger.outside import checkpoint_file
from raytemplate.records.promoted import PromotionRecord
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"


def held(folder, **engine):
    run = FakeRun(folder, promotion="manual")
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(FakeEngine(**engine))
    return run


@pytest.fixture
def promoted(tmp_path, monkeypatch):
    """Events: the promoter's key, a waiting candidate, the person's key, the promotion."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = held(tmp_path / "demo")
    api.promote(run.journal.run_id, reason="looks right", workspace=str(run.folder))
    return run


def test_an_alias_set_behind_our_back_is_shown_everywhere_and_repaired(promoted):
    folder = promoted.folder
    with closing(sqlite3.connect(promoted.workspace.mlflow_db)) as db, db:
        db.execute("UPDATE registered_model_aliases SET version = 7")
    line = "MLflow's alias champion names version 7, which is none of the ledger's; the ledger says 1"
    assert f"{MODEL}: {line}: raytemplate ledger repair" in here("models", cwd=folder).stdout
    assert f"{line}: raytemplate ledger repair" in here("show", MODEL, cwd=folder).stdout
    verified = here("ledger", "verify", cwd=folder)
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "  raytemplate ledger repair")
    mended = here("ledger", "repair", cwd=folder)
    assert (mended.returncode, mended.stdout) == (0, f"{MODEL}: mended: {line}\n  raytemplate models\n")
    again = here("ledger", "repair", MODEL, cwd=folder)
    assert again.stdout.startswith(f"Nothing to repair: {MODEL} is in MLflow as the ledger says.")
    assert "ledger repair" not in here("show", MODEL, "--check", cwd=folder).stdout
    unknown = here("ledger", "repair", "flights-air", cwd=folder)
    assert (unknown.returncode, f'no model "flights-air"; did you mean "{MODEL}"?' in unknown.stderr) == (2, True)


def seconds(code, *command, cwd):
    """How long a command takes."""
    began = time.monotonic()
    said = here(*command, cwd=cwd)
    assert said.returncode == code, said.stderr
    return time.monotonic() - began


@pytest.mark.slow  # it waits for what does not answer
def test_f19_an_mlflow_that_hangs_delays_each_decision_by_at_most_15_s_and_is_told_later(promoted):
    folder, second = promoted.folder, held(promoted.folder, weights="other", candidate_error=0.5)
    with suppress(Exception):  # its weights are made up; imports what loading a model needs
        api.model(MODEL, workspace=str(folder))
    without = seconds(0, "ledger", "repair", cwd=folder)  # a process's start and MLflow's import take as long as this
    with deaf_server() as port:
        for run in (promoted, second):
            promote = replace(run.plan.promote, tracking_uri=f"http://127.0.0.1:{port}")
            write_lock(run.journal, replace(run.plan, promote=promote), None)
        for code, *command in (
            (0, "promote", second.journal.run_id, "--reason", "better"),
            (0, "rollback", MODEL),
            (8, "ledger", "repair"),
            (0, "models"),
            (0, "ledger", "verify"),
        ):
            assert seconds(code, *command, cwd=folder) - without < (3 if command == ["models"] else 15), command
    assert promoted.ledger.head(MODEL).version == 1 and not second.journal.need(PromotionRecord).projected
    for run in (promoted, second):
        write_lock(run.journal, run.plan, None)
    mended = here("ledger", "repair", cwd=folder)
    assert f"mended: MLflow was not told of run {second.journal.run_id}" in mended.stdout
    assert (mended.returncode, second.journal.need(PromotionRecord).projected) == (0, True)


def test_an_older_copy_is_restored_only_with_a_reason_and_its_runs_are_judged_again(promoted, tmp_path):
    folder, yesterday, second = promoted.folder, tmp_path / "yesterday.jsonl", held(promoted.folder, weights="other")
    assert here("ledger", "export", yesterday, cwd=folder).returncode == 0
    api.promote(second.journal.run_id, reason="better", workspace=str(folder))
    promoted.workspace.governance_db.unlink()
    refused = here("ledger", "restore", yesterday, cwd=folder)
    assert refused.returncode == 7 and f"run {second.journal.run_id}: promoted, version 2 of {MODEL}" in refused.stderr
    assert refused.stderr.splitlines()[-1].endswith(f'restore {yesterday} --older --reason "..."')
    assert here("ledger", "restore", yesterday, "--older", cwd=folder).returncode == 2
    done = here("ledger", "restore", yesterday, "--older", "--reason", "the disk is gone", cwd=folder)
    assert (done.returncode, f"resume {second.journal.run_id}" in done.stdout) == (0, True), done.stderr
    assert here("ledger", "verify", cwd=folder).returncode == 0
    assert "restored" in here("ledger", "show", cwd=folder).stdout
    assert here("promote", second.journal.run_id, "--reason", "again", cwd=folder).returncode == 0
    assert promoted.ledger.head(MODEL).version == 2
    assert here("ledger", "verify", cwd=folder).returncode == 0


def test_an_export_is_restored_in_an_empty_workspace_and_says_which_files_are_missing(promoted, tmp_path):
    export, empty = tmp_path / "ledger.jsonl", tmp_path / "empty"
    empty.mkdir()
    assert here("ledger", "export", export, cwd=promoted.folder).returncode == 0
    done = here("ledger", "restore", export, cwd=empty)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Restored: 4 events of 1 model, all of them verified.")
    assert f"version 1 of {MODEL}, the champion: " in " ".join(done.stdout.split())
    assert here("ledger", "verify", cwd=empty).returncode == 0
    shutil.copytree(promoted.workspace.models, empty / ".raytemplate" / "models", dirs_exist_ok=True)
    again = here("ledger", "restore", export, cwd=empty)
    assert again.stdout.startswith("The ledger has all 4 events of") and "missing" not in again.stdout
    assert checkpoint_file(promoted.ledger.keyring().ledger).exists()
