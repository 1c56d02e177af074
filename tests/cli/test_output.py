"""What `--json` promises for every command, and output that cannot be written."""

import inspect
import json
import os
import shutil
import subprocess
import time

import pytest
from command_line import COMMAND, environment, here
from small_flights import AS_OF, SHIPPED, as_sets

from raytemplate.cli.main import cli
from raytemplate.cli.output import Answer
from raytemplate.errors import IntegrityError
from raytemplate.history.catalog import model_rows
from raytemplate.history.run_list import list_runs
from raytemplate.ledger.opening import open_ledger
from raytemplate.records import codec
from raytemplate.store.workspace import Workspace
from raytemplate.testing import samples

FILE = SHIPPED.name
ALL = cli.list_commands(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ALL)
def test_every_command_takes_the_options_of_the_output_and_hands_its_answer_on(name):
    found = cli.get_command(None, name)  # type: ignore[arg-type]
    for command in getattr(found, "commands", {name: found}).values():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--quiet", "--workspace"} <= options
        assert inspect.signature(command.callback).return_annotation in ("Answer", Answer)


ANSWERS = {
    "check": (["check", FILE], "Checked"),
    "resolved": (["check", FILE, "--resolved"], "Resolved"),
    "schema": (["schema"], "Schema"),
    "field": (["schema", "training.epochs"], "Field"),
    "plan": (["plan", FILE, "--as-of", AS_OF, *as_sets()], "Planned"),
    "runs": (["runs"], "Runs"),
    "models": (["models"], "Models"),
    "ledger": (["ledger", "verify"], "LedgerVerified"),
}


@pytest.mark.parametrize(("arguments", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_one_document(demo, arguments, kind):
    found = here(*arguments, "--json", cwd=demo)
    assert (found.returncode, found.stderr) == (0, "")
    document = json.loads(found.stdout)
    assert (document["schema"], document["kind"]) == (1, kind)


def test_an_error_is_one_line_with_all_its_problems(demo):
    found = here("check", FILE, "--set", "training.epoch=3", "--set", "budget.cost=4 EUR", "--json", cwd=demo)
    assert (found.returncode, found.stdout) == (2, "")
    error = json.loads(found.stderr)
    assert (error["kind"], error["error"], error["exit_code"]) == ("Error", "SpecError", 2)
    assert [problem["path"] for problem in error["problems"]] == ["training.epoch", "budget.cost"]


def test_a_misspelt_option_is_told_as_json_too(tmp_path):
    found = here("runs", "--hold", "--json", cwd=tmp_path)
    error = json.loads(found.stderr)
    assert (found.returncode, error["next_step"]) == (2, "raytemplate runs --help")
    assert "--hold" in error["what"]


def _redirected(shell, cwd):
    return subprocess.run(["sh", "-c", shell], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("into", "code"), [(">&-", 0), (">/dev/full", 8), ("| true", 0), (">&- 2>&-", 0)])
def test_a_stdout_that_takes_nothing_leaves_no_trace(demo, into, code):
    found = _redirected(f"{COMMAND} check {FILE} {into}", demo)
    assert (found.returncode, found.stdout) == (code, "")
    assert "Traceback" not in found.stderr and "Exception ignored" not in found.stderr
    assert ("could not be written" in found.stderr) == (code == 8)


TOLD = {
    "a first year": (["plan", FILE, "--as-of", "0001-01-01"], "begin before the year 1"),
    "a folder to save to": (["plan", FILE, "--as-of", AS_OF, "--save", "."], "--save .: expected a file"),
    "a folder as a plan": (["run", "--plan", "data"], "data: is a folder"),
}


@pytest.mark.parametrize(("arguments", "message"), TOLD.values(), ids=TOLD)
def test_told_in_a_sentence(demo, arguments, message):
    found = here(*arguments, cwd=demo)
    assert found.returncode == 2
    assert message in found.stderr and "Traceback" not in found.stderr


def test_a_path_with_a_space_is_quoted_in_the_next_command(demo):
    shutil.copy(demo / FILE, demo / "my flights.yaml")
    checked = here("check", "my flights.yaml", cwd=demo)
    assert checked.stdout.endswith("raytemplate plan 'my flights.yaml' --as-of latest\n")


def test_a_damaged_run_hides_no_other(tmp_path):
    workspace = Workspace(tmp_path)
    for name in ("good", "torn"):
        (workspace.runs / name).mkdir(parents=True)
        (workspace.runs / name / "run.json").write_bytes(codec.dumps(samples.sample_start(run_id=name)))
    (workspace.runs / "torn" / "run.json").write_text('{"schema": 1, "ki')
    found = list_runs(workspace)
    assert [row.run_id for row in found.rows] == ["good"]
    assert [row.run_id for row in found.damaged] == ["torn"]
    assert "Run torn cannot be read: " in str(found)
    assert found.to_pandas()["run_id"].tolist() == ["good"]


@pytest.mark.parametrize(
    ("files", "age_s", "damaged"),
    [
        (["end.json", "run.lock"], 0, True),
        (["run.lock", "passed.jsonl"], 60, True),
        (["run.lock", "passed.jsonl"], 0, False),
        ([], 60, False),
    ],
    ids=["it had gone on", "it had begun", "being made", "never a run"],
)
def test_a_run_without_its_first_record_is_damaged_unless_it_is_being_made(tmp_path, files, age_s, damaged):
    workspace = Workspace(tmp_path)
    folder = workspace.runs / "k7q2"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("{}")
    os.utime(folder, (time.time() - age_s,) * 2)
    found = list_runs(workspace)
    assert [row.run_id for row in found.damaged] == ["k7q2"] * damaged
    assert (f"Run k7q2 cannot be read: {folder / 'run.json'}: missing" in str(found)) == damaged


def test_versions_without_their_ledger_are_not_no_models(tmp_path):
    workspace = Workspace(tmp_path)
    assert model_rows(workspace) == [] and len(list_runs(workspace)) == 0
    (workspace.runs / "k7q2").mkdir(parents=True)
    (workspace.runs / "k7q2" / "promotion.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"governance.db: missing, though run k7q2 has registered"):
        open_ledger(workspace)
