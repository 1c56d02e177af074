"""What `show MODEL` is made from: a model's runs, what its gates said and how often it should be retrained."""

from dataclasses import replace
from shutil import rmtree

from fake_runs import FakeRun

from raytemplate.execution.journal import LOCK
from raytemplate.execution.lock import read_lock
from raytemplate.history.catalog import model_rows, registered_model, registered_version
from raytemplate.history.runs import Run
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.judged import Actor
from raytemplate.reports.model_shown import GateRate
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.sample_plans import day
from raytemplate.testing.samples import sample_start


def a_run(folder, started, error, cadence=""):
    run = FakeRun(folder)
    name = run.plan.name
    run.journal.write(sample_start(run_id=run.journal.run_id, name=name, started=started))
    governance = {"governance": {"cadence": cadence or None}}
    lock = replace(read_lock(run.journal), resolved=Settings(governance))
    run.journal.keep(LOCK, codec.dumps(lock))
    run.execute(FakeEngine(candidate_error=error, weights=f"w{started}"))
    return run


def test_model_view_has_its_runs_its_gates_and_the_newest_cadence(tmp_path):
    first = a_run(tmp_path, day(6, 1), 2.0)
    second = a_run(tmp_path, day(7, 1), 20.0, cadence="1 month")
    view = registered_model(first.plan.name, first.workspace)
    assert [row.run_id for row in view.runs] == [second.journal.run_id, first.journal.run_id]
    assert [row.state for row in view.runs] == ["rejected", "approved"]
    assert view.gates == (
        GateRate(gate="metric-limit", num_passed=1, num_judged=2),
        GateRate(gate="beats-champion", num_passed=0, num_judged=1, num_skipped=1),
    )
    assert (view.model.retrained, view.model.cadence) == (day(7, 1), "1 month")
    assert view.model.overdue(view.now) and model_rows(first.workspace) == [view.model]


def test_run_in_a_notebook_is_what_show_prints_escaped(tmp_path):
    run = Run(a_run(tmp_path, day(6, 1), 2.0).journal)
    html = run._repr_html_()
    assert html.startswith("<pre>") and run.id in html and str(run).splitlines()[0] in html
    run.journal.write(sample_start(run_id=run.id, user="<ada>"))
    assert "&lt;ada&gt;" in run._repr_html_() and "<ada>" not in run._repr_html_()


def test_version_view_has_the_run_that_made_it_and_its_end_as_champion(tmp_path):
    first = a_run(tmp_path, day(6, 1), 5.0)
    second = a_run(tmp_path, day(7, 1), 1.0)
    name, workspace = first.plan.name, first.workspace
    former = registered_version(f"{name}/1", workspace)
    assert (former.version.state, former.run.run_id, former.run.version) == ("former", first.journal.run_id, 1)
    champion = registered_version(f"{name}@champion", workspace)
    assert champion.version.run_id == second.journal.run_id and champion.reigns[0].ended is None
    assert former.reigns[0].ended == champion.reigns[0].began.at
    first.ledger.rollback(name, Actor(name="ada", reason="worse on weekends"))
    assert [reign.began.event for reign in registered_version(f"{name}/1", workspace).reigns] == [
        "promoted",
        "rolled-back",
    ]
    assert "rolled-back" in str(registered_model(name, workspace))
    assert registered_model(name, workspace).model.champion_version == 1


def test_version_whose_run_was_removed_is_still_shown(tmp_path):
    run = a_run(tmp_path, day(6, 1), 2.0)
    rmtree(run.journal.folder)
    assert registered_version(f"{run.plan.name}/1", run.workspace).run is None
