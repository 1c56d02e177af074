"""A workspace that comes back from a backup, or from git, without the folders that were empty."""

import shutil
from dataclasses import replace

import pytest
from command_line import here
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.errors import BudgetSpent
from raytemplate.execution.in_turn import turn_of
from raytemplate.planning.stages import plan_id
from raytemplate.store.locks import FileLock
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"
EMPTY = ("locks", "mlartifacts")


@pytest.fixture
def restored(tmp_path, monkeypatch):
    """Version 1, champion version 2, a waiting candidate and an interrupted run, without any empty folder."""

    def conduct(work):
        """Uses the workspace folder that a run needs while it is executed, and nothing else."""
        for lock in (work.workspace.locks / "ray", turn_of(work.workspace, work.plan.name)):
            with FileLock(lock, 1.0):
                pass
        raise BudgetSpent("both locks were taken")

    monkeypatch.setattr("raytemplate.conducting.conduct.conduct", conduct)
    made = {}
    for name, error in {"first": 1.0, "better": 0.5, "waits": 0.25, "broken": 0.0}.items():
        run = made[name] = FakeRun(tmp_path, promotion="manual" if name == "waits" else "automatic")
        run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
        if name != "broken":
            run.execute(FakeEngine(weights=name, candidate_error=error))
    saved = api.Planned(plan=replace(run.plan, id=plan_id(run.plan)), spec=None, workspace=run.workspace)
    api.save_plan(saved, tmp_path / "saved.json")
    for name in EMPTY:
        shutil.rmtree(run.workspace.root / name)
    return tmp_path, {name: run.journal.run_id for name, run in made.items()}


@pytest.mark.parametrize(
    ("command", "code", "writes"),
    [
        (("run", "--plan", "saved.json", "--workspace", "."), BudgetSpent.exit_code, True),
        (("resume", "broken"), BudgetSpent.exit_code, True),
        (("promote", "waits"), 0, True),
        (("rollback", MODEL), 0, True),
        (("models",), 0, False),
        (("runs",), 0, False),
        (("show", "waits"), 0, False),
        (("ledger", "verify"), 0, False),
    ],
    ids=lambda part: "-".join(part) if isinstance(part, tuple) else None,
)
def test_a_restored_workspace_is_made_whole_by_what_writes_to_it(restored, command, code, writes):
    folder, runs = restored
    done = here(*(runs.get(word, word) for word in command), cwd=folder)
    assert done.returncode == code, done.stderr
    assert "No such file" not in done.stderr
    assert ("both locks were taken" in done.stderr) is (code == BudgetSpent.exit_code), done.stderr
    assert [(folder / ".raytemplate" / name).is_dir() for name in EMPTY] == [writes] * len(EMPTY)


@pytest.mark.parametrize("command", [("resume", "last"), ("promote", "last"), ("rollback", MODEL)])
def test_where_there_is_no_workspace_none_is_made(tmp_path, command):
    done = here(*command, "--workspace", str(tmp_path / "typo"), cwd=tmp_path)
    assert done.returncode == 2 and not (tmp_path / "typo").exists(), done.stderr
