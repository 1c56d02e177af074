"""What Tab completes, as the shells' own scripts ask for it."""

import os
import subprocess

import pytest
from command_line import COMMAND, environment

from raytemplate.execution.journal import Journal
from raytemplate.ledger.head import Ledger
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing.samples import sample_rejected, sample_verdict_record

pytestmark = pytest.mark.usefixtures("two_runs")


@pytest.fixture
def two_runs(tmp_path):
    workspace = Workspace(tmp_path)
    create(workspace)
    for number in (1, 2):
        run = new_run(workspace)[1]
        os.utime(run, (number, number))
    Ledger(workspace.governance_db)


def completed(folder, *words):
    """What bash is offered for the last word."""
    env = environment(_RAYTEMPLATE_COMPLETE="bash_complete", COMP_WORDS=" ".join(("raytemplate", *words)))
    env["COMP_CWORD"] = str(len(words))
    found = subprocess.run([COMMAND], cwd=folder, env=env, capture_output=True, text=True)
    assert found.stderr == ""
    return [line.removeprefix("plain,") for line in found.stdout.split()]


@pytest.mark.slow
def test_runs_are_completed_newest_first(tmp_path):
    runs = sorted((tmp_path / ".raytemplate" / "runs").iterdir(), key=lambda path: -path.stat().st_mtime)
    assert completed(tmp_path, "resume", "") == ["last", *(path.name for path in runs)]
    assert completed(tmp_path, "report", runs[1].name[:3]) == [runs[1].name]


def test_fields_are_completed_for_set_and_schema(tmp_path):
    assert completed(tmp_path, "plan", "x.yaml", "--set", "training.lr") == ["training.lr=", "training.lr_schedule="]
    assert completed(tmp_path, "schema", "model.num_l") == ["model.num_leaves"]


def test_gates_that_stopped_a_run_are_completed_for_waive(tmp_path):
    run = next((tmp_path / ".raytemplate" / "runs").iterdir())
    Journal(run).write(sample_verdict_record(verdict=sample_rejected()))
    assert completed(tmp_path, "waive", run.name, "") == ["beats-baseline"]


def test_in_an_empty_workspace_nothing_is_offered_and_nothing_fails(tmp_path):
    assert completed(tmp_path, "predict", "fl") == []
    assert completed(tmp_path, "roll") == ["rollback"]


@pytest.mark.parametrize("words", [("show", "r"), ("predict", "fl"), ("lineage", "features"), ("waive", "k", "b")])
def test_in_a_workspace_that_does_not_exist_nothing_is_offered_and_nothing_fails(tmp_path, words):
    command, *rest = words
    assert completed(tmp_path, command, "--workspace", "typo", *rest) == []
