"""Commands without Ray: what they print and what they refuse."""

import ctypes
import json
import os
from pathlib import Path

import pytest
from command_line import here, raytemplate
from small_flights import AS_OF, SHIPPED, as_sets

FILE = SHIPPED.name
NAMES = (
    "init",
    "check",
    "plan",
    "run",
    "resume",
    "profile",
    "runs",
    "show",
    "report",
    "promote",
    "rollback",
    "models",
    "predict",
)


def test_help_shows_every_command_by_what_a_person_wants_to_do(tmp_path):
    found = raytemplate("--help", cwd=tmp_path)
    assert found.returncode == 0
    lines = found.stdout.splitlines()
    groups = [line.strip() for line in lines if line.startswith(("Start", "Retrain", "Ask", "Look", "Decide", "Use"))]
    assert groups == ["Start:", "Retrain:", "Ask:", "Look:", "Decide:", "Use:"]
    for name in NAMES:
        assert any(line.startswith(f"  {name} ") for line in lines), name


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(tmp_path, name):
    found = here(name, "--help", cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith(f"Usage: raytemplate {name}")


@pytest.mark.parametrize(
    ("typed", "same"), [((), ("--help",)), (("help",), ("--help",)), (("help", "run"), ("run", "--help"))]
)
def test_help_is_found_however_it_is_asked_for(tmp_path, typed, same):
    found = here(*typed, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (0, here(*same, cwd=tmp_path).stdout)


def test_version_is_a_command_too(tmp_path):
    assert here("version", cwd=tmp_path).stdout == here("--version", cwd=tmp_path).stdout


def test_init_check_and_plan(tmp_path):
    made = here("init", "demo", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(
        "12 files of data, flights-air-time.yaml, flights-air-time-sweep.yaml and flights-late.yaml are in demo.\n"
    )
    checked = here("check", FILE, cwd=tmp_path / "demo")
    assert checked.stdout == f"flights-air-time 1.0.0: no problems.\n  raytemplate plan {FILE} --as-of latest\n"
    planned = here("plan", FILE, "--as-of", "2013-06-01", cwd=tmp_path / "demo")
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.splitlines()[0].startswith("flights-air-time 1.0.0   as of 2013-06-01 UTC   plan ")
    assert "  train        2013-01-01 .. 2013-05-11   all there is" in planned.stdout
    assert "  test         2013-05-18 .. 2013-06-01   14d" in planned.stdout
    assert planned.stdout.rstrip().endswith(f"raytemplate run {FILE} --as-of 2013-06-01")
    assert not (tmp_path / "demo" / ".raytemplate").exists()


def test_init_keeps_a_template_that_was_edited(demo):
    (demo / FILE).write_text("name: mine\n")
    assert here("init", ".", cwd=demo).returncode == 0
    assert (demo / FILE).read_text() == "name: mine\n"


def test_a_saved_plan_is_the_plan(demo):
    from raytemplate.planning.stages import RunPlan, plan_id
    from raytemplate.records import codec

    found = here("plan", FILE, "--as-of", AS_OF, *as_sets(), "--save", "p.json", cwd=demo)
    assert found.returncode == 0, found.stderr
    saved = codec.loads(RunPlan, (demo / "p.json").read_bytes())
    assert saved.id == plan_id(saved)
    assert f"plan {saved.id}" in found.stdout.splitlines()[0]
    assert found.stdout.endswith("raytemplate run --plan p.json\n")


def test_a_saved_plan_finds_its_project_from_wherever_it_is_run(demo, tmp_path, monkeypatch):
    from raytemplate.api import read_plan

    (demo / "plans").mkdir()
    saved = here("plan", FILE, "--as-of", AS_OF, *as_sets(), "--save", "plans/p.json", cwd=demo)
    assert saved.returncode == 0, saved.stderr
    monkeypatch.chdir(tmp_path)
    found = read_plan(demo / "plans" / "p.json")
    assert (found.plan.template, found.workspace.folder) == (os.path.relpath(demo / FILE), demo)
    monkeypatch.chdir(demo)
    assert read_plan(Path("plans/p.json")).plan.template == FILE


REFUSED = [
    ("a report of no run", ["report", "zzzz"], 2, "no runs yet"),
    ("no such file", ["check", "flights.yaml"], 2, "flights.yaml"),
    ("no such command", ["chekc"], 2, "no such command: chekc; did you mean check?"),
    ("help of no command", ["help", "sites"], 2, "did you mean site?\n  raytemplate --help"),
    ("no file to run", ["run"], 2, "give the template to run"),
    ("a plan and a file", ["run", FILE, "--plan", "p.json"], 2, "give no FILE, --set, --variant or --as-of"),
    ("a plan and more", ["submit", "--address", "http://h:1", "--plan", "p.json", "--set", "training.epochs=3"], 2,
     "give no FILE, --set"),
    ("no such plan", ["run", "--plan", "p.json"], 2, "p.json: no such file"),
    ("a field as others call it", ["check", FILE, "--set", "training.learning_rate=1"], 2, "did you mean training.lr?"),
    ("a misspelt field", ["check", FILE, "--set", "training.epoch=3"], 2, "did you mean training.epochs?"),
    ("a wrong value", ["plan", FILE, "--set", "training.epochs=ten"], 2, 'training.epochs: got "ten"'),
    ("no such moment", ["plan", FILE, "--as-of", "soon"], 2, "--as-of: "),
    ("a window without rows", ["plan", FILE, "--as-of", "2013-06-01"], 2, "--as-of latest"),
    ("too little time", ["run", FILE, "--as-of", AS_OF, *as_sets({"budget.time": "1s"})], 3, "budget.time is 1.0 s"),
    ("workers that hold all", ["run", FILE, "--as-of", AS_OF, *as_sets({"resources.workers": 99})], 3, "do not fit"),
    ("no such run", ["resume", "k7q2"], 2, "no runs yet"),
    ("no such run to promote", ["promote", "last"], 2, "no runs yet"),
    ("nothing to show", ["show", "k7q2"], 2, "no runs yet"),
    ("no such model", ["predict", "flights", "a.parquet", "b.parquet"], 2, 'no such model: "flights"; there is none'),
    ("no model to roll back", ["rollback", "flights"], 2, 'no champion of a model "flights"'),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_refused(demo, arguments, code, message):
    found = here(*arguments, cwd=demo)
    assert (found.returncode, found.stdout) == (code, "")
    assert message in found.stderr
    assert "Traceback" not in found.stderr
    assert not (demo / ".raytemplate").exists()


def test_all_problems_are_told_at_once_with_their_places(demo):
    text = (demo / FILE).read_text()
    (demo / FILE).write_text(text.replace("epochs: 6", "epochs: six").replace("hidden: 128", "hiden: 128"))
    found = here("check", FILE, "--set", "budget.cost=40 EUR", cwd=demo)
    assert found.returncode == 2
    lines = found.stderr.splitlines()
    assert [line.split()[0].partition(":")[0] for line in lines[:2]] == [FILE, FILE]
    assert "model.hiden: no such field; did you mean model.hidden?" in lines[0]
    assert 'training.epochs: got "six"' in lines[1]
    assert '--set "budget.cost=40 EUR"' in found.stderr or "--set budget.cost=40 EUR" in found.stderr
    assert lines[-1] == "3 problems; nothing was started."


SPOILED = {
    "missing": (lambda path: path.unlink(), "no file matches"),
    "empty": (lambda path: path.write_bytes(b""), "2013-02.parquet: the file is empty"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-3000]), "2013-02.parquet: not a Parquet file"),
    "no parquet": (lambda path: path.write_text("a,b\n1,2\n" * 9), "2013-02.parquet: not a Parquet file"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), SPOILED.values(), ids=SPOILED)
def test_bad_files_are_named_and_nothing_is_written(demo, spoil, message):
    (demo / "data" / "flights" / "2013-01.parquet").unlink()
    spoil(demo / "data" / "flights" / "2013-02.parquet")
    found = here("run", FILE, "--as-of", AS_OF, *as_sets(), cwd=demo)
    assert found.returncode == 2
    assert message in found.stderr
    assert not (demo / ".raytemplate").exists()


def test_a_month_with_another_schema_is_named(demo):
    import pyarrow.parquet as pq

    path = demo / "data" / "flights" / "2013-02.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["temp"]), path)
    found = here("plan", FILE, "--as-of", AS_OF, *as_sets(), cwd=demo)
    assert found.returncode == 2
    assert "2013-02.parquet: its schema differs from 2013-01.parquet: column temp is missing" in found.stderr


def test_a_target_that_is_not_there_is_told_with_its_line(demo):
    found = here("plan", FILE, "--as-of", AS_OF, *as_sets({"data.target": "airtime"}), cwd=demo)
    assert found.returncode == 2
    assert 'no column "airtime" in the data; did you mean air_time?' in found.stderr


def obey_permissions():
    """Root may write anywhere; without this capability (CAP_DAC_OVERRIDE) the next program may not."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_starts(demo):
    demo.chmod(0o555)
    try:
        found = raytemplate("run", FILE, "--as-of", AS_OF, *as_sets(), cwd=demo, preexec_fn=obey_permissions)
    finally:
        demo.chmod(0o755)
    assert found.returncode == 2, found.stderr
    assert "cannot be written" in found.stderr and "--workspace DIR" in found.stderr
    assert not (demo / ".raytemplate").exists()


@pytest.mark.parametrize("command", [("run", FILE, "--as-of", AS_OF, *as_sets()), ("models",), ("ledger", "verify")])
@pytest.mark.parametrize("chosen", ["file", "file/here", "typo in it"])
def test_a_workspace_that_is_no_folder_is_refused_by_every_command(demo, command, chosen):
    (demo / "file").write_text("x")
    found = here(*command, "--workspace", chosen, cwd=demo)
    assert (found.returncode, found.stdout) == (2, "")
    quoted = f"'{chosen}'" if " " in chosen else chosen
    assert found.stderr == f"--workspace {chosen}: no such folder\n  mkdir {quoted}, or another one\n"


def test_a_plan_of_another_kind_is_refused(demo):
    (demo / "p.json").write_text(json.dumps({"schema": 1, "kind": "RunEnd"}))
    found = here("run", "--plan", "p.json", cwd=demo)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("p.json: expected a plan that plan --save wrote; it: not a RunPlan")
