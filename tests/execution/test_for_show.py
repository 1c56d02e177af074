"""A variant that may not be promoted: judged, shown, and unknown to the ledger."""

from dataclasses import replace

import pytest
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.lock import write_lock
from raytemplate.history.runs import Run
from raytemplate.ledger.opening import open_ledger
from raytemplate.planning.stages import plan_id
from raytemplate.records.judged import Approved, Rejected
from raytemplate.records.run import RunStart
from raytemplate.reports.explain import explain
from raytemplate.reports.verdict import outcome_text
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"


def for_show(folder):
    """A run of the sample plan's variant `smoke`."""
    run = FakeRun(folder)
    run.plan = replace(run.plan, variant="smoke", govern=replace(run.plan.govern, promotable=False))
    write_lock(run.journal, run.plan, None)
    run.journal.write(sample_start(run_id=run.journal.run_id))
    return run


@pytest.mark.parametrize(("error", "verdict"), [(0.5, Approved), (50.0, Rejected)], ids=["good", "bad"])
def test_a_run_for_show_ends_0_and_promotes_nothing_whatever_its_gates_say(tmp_path, error, verdict):
    run = for_show(tmp_path)
    end = run.execute(FakeEngine(candidate_error=error))
    assert (end.state, end.exit_code, Run(run.journal).exit_code) == ("shown", 0, 0)
    assert isinstance(Run(run.journal).verdict, verdict)
    assert (run.ledger.head(MODEL), run.ledger.history(MODEL).versions) == (None, ())


def test_a_run_for_show_says_what_its_gates_would_have_done(tmp_path):
    run = for_show(tmp_path)
    run.execute(FakeEngine(candidate_error=50.0))
    made = Run(run.journal)
    text = outcome_text(MODEL, made.verdict, made.promotion, champion_version=0).replace("\n", " ")
    assert text.startswith("For show: variant smoke promotes nothing; its gates would reject it: metric-limit (mae 50")
    assert text.endswith("There is still no champion.")
    assert "  raytemplate runs" in str(made) and ", variant smoke   as of" in str(made)


def test_a_person_cannot_promote_what_is_for_show(tmp_path):
    run = for_show(tmp_path)
    run.execute(FakeEngine(candidate_error=0.5))
    with pytest.raises(UsageError) as refused:
        api.promote(run.journal.run_id, workspace=str(tmp_path))
    assert "is of variant smoke, which is not in governance.promotable" in refused.value.what
    assert run.ledger.head(MODEL) is None


def test_the_plan_says_so_and_has_an_id_of_its_own(tmp_path):
    run = for_show(tmp_path)
    text = explain(run.plan, file="f.yaml", command_tail="--variant smoke")
    assert "5 promote    nothing: variant smoke is judged for show" in text
    assert text.startswith("flights-air-time 1.0.0, variant smoke   as of")
    assert plan_id(run.plan) != plan_id(replace(run.plan, variant="standard"))


def test_the_start_of_an_older_run_has_no_variant(tmp_path):
    assert for_show(tmp_path).journal.need(RunStart).variant == "standard"


def test_a_first_run_for_show_does_not_make_the_ledger_look_lost(tmp_path):
    """It registers nothing, so there is no ledger yet, and what comes next must not ask for one."""
    run = for_show(tmp_path)
    run.execute(FakeEngine())
    run.workspace.governance_db.unlink(missing_ok=True)
    open_ledger(run.workspace)
    real = FakeRun(tmp_path)
    real.execute(FakeEngine())
    real.workspace.governance_db.unlink()
    with pytest.raises(IntegrityError, match=f"run {real.journal.run_id} has registered a version"):
        open_ledger(real.workspace)
