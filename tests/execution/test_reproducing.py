"""What training a run again needs, refuses and compares."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.api.reproduce import _bring_rows
from raytemplate.errors import IntegrityError, PlanError, UsageError
from raytemplate.execution import reproducing
from raytemplate.execution.lock import read_lock
from raytemplate.planning.environment import environment
from raytemplate.planning.inventory import Node
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.reproduced import MetricAgain, Reproduction
from raytemplate.records.submitted import SubmittedJob
from raytemplate.reports.reproduced import reproduced_text
from raytemplate.store.content_store import ContentStore
from raytemplate.store.manifest import describe
from raytemplate.store.workspace import KEPT
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.sample_plans import sample_fit_stage

TREES = sample_fit_stage(
    family="lightgbm", step="round", num_epochs=200, model=Settings({"num_trees": 200}), training=Settings({"lr": 0.1})
)
LINEAR = replace(TREES, family="linear", step="step", model=Settings({"max_steps": 400}), num_epochs=400)
NETWORK = sample_fit_stage(num_epochs=20, training=Settings({"epochs": 20, "lr": 0.1}))


@pytest.fixture
def run(tmp_path):
    made = FakeRun(tmp_path)
    made.execute(FakeEngine())
    return made


def test_a_network_that_was_cut_keeps_the_length_of_its_schedule():
    cut = reproducing._first_epochs(NETWORK, 7)
    assert (cut.num_epochs, cut.training["epochs"]) == (7, 20)


@pytest.mark.parametrize(("stage", "field", "every"), [(TREES, "num_trees", 10), (LINEAR, "max_steps", 20)])
def test_rounds_that_were_cut_report_as_often_as_before(stage, field, every):
    cut = reproducing._first_epochs(stage, 33)
    assert (cut.num_epochs, cut.model[field], cut.training["checkpoint_every"]) == (33, 33, every)


@pytest.mark.parametrize(("stopped", "num_epochs"), [("epochs", 6), ("early stopping", 6), ("budget.time", 1)])
def test_what_the_budget_ended_is_as_long_again_within_twice_the_budget(run, stopped, num_epochs):
    plan, fit = read_lock(run.journal).plan, run.journal.need(FitResult)
    run.journal.supersede(FitResult)
    run.journal.write(replace(fit, stopped=stopped, epochs=fit.epochs[:1]))
    again = reproducing.plan_again(plan, run.journal)
    assert (plan.fit.num_epochs, again.fit.num_epochs) == (6, num_epochs)
    assert again.limits.time_s == 2 * plan.limits.time_s


def test_a_run_without_a_candidate_cannot_be_made_again(run):
    run.journal.supersede(FitResult)
    with pytest.raises(UsageError) as caught:
        reproducing.plan_again(run.plan, run.journal)
    assert caught.value.what.endswith("has left no candidate, so there is nothing to make again")


def test_nothing_has_changed(run):
    reproducing.refuse_changed(run.journal, read_lock(run.journal))


@pytest.mark.parametrize("package", ["torch", "numpy", "python"])
def test_packages_that_the_numbers_depend_on_stop_it(run, package):
    lock = read_lock(run.journal)
    with pytest.raises(IntegrityError) as caught:
        reproducing.refuse_changed(run.journal, replace(lock, environment={**environment(), package: "0.1"}))
    assert f"  {package}: 0.1 then, {environment()[package]} now\nnothing was started" in caught.value.what
    assert caught.value.next_step.startswith("pip install" if package != "python" else "install the raytemplate")


@pytest.mark.parametrize("package", ["mlflow", "lightgbm"])
def test_packages_that_they_do_not_depend_on_may_differ(run, package):
    lock = read_lock(run.journal)
    reproducing.refuse_changed(run.journal, replace(lock, environment={**environment(), package: "0.1"}))


def test_other_code_of_ours_stops_it(run):
    with pytest.raises(IntegrityError, match=r"raytemplate: 0\.1\.0 \(code abcabcabcabc\) then"):
        reproducing.refuse_changed(run.journal, replace(read_lock(run.journal), code_sha256="abc" * 20))


def test_workers_that_this_machine_has_no_room_for_are_refused(run):
    four = replace(NETWORK, workers=4, cpus_per_worker=1.0)
    laptop = Node(name="laptop", cpus=2.0, gpus=0.0, memory_bytes=8_000_000_000)
    with pytest.raises(PlanError, match="trained by 4 workers on 4 CPUs; this machine has 2 CPUs"):
        reproducing.refuse_too_small(run.journal, four, laptop)
    reproducing.refuse_too_small(run.journal, replace(four, workers=2), laptop)


@pytest.mark.parametrize(
    ("weights", "inexact", "mae", "succeeded", "told"),
    [
        ("aa", "", 5.0, True, "was made again from its records"),
        ("bb", "", 5.0, False, "is not the same"),
        ("bb", "it was trained on GPUs", 5.01, True, "metrics agree within 0.01"),
        ("bb", "it was trained on GPUs", 5.2, False, "is not the same"),
        ("aa", "", 5.2, False, "is not the same"),
    ],
)
def test_weights_must_be_equal_unless_there_is_a_reason_and_metrics_agree_always(
    weights, inexact, mae, succeeded, told
):
    found = Reproduction(
        run_id="abcdef",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        weights_recorded="aa",
        weights_again=weights,
        inexact=inexact,
        metrics=(MetricAgain(name="mae", recorded=5.0, again=mae, tolerance=0.01),),
        wall_clock_s=3.0,
    )
    assert found.succeeded == succeeded
    assert told in " ".join(reproduced_text(found).split())


@pytest.fixture
def query_run(run, tmp_path):
    """A run of a query that kept its rows, and their copy, which is in no store."""
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "rows-00000.parquet").write_text("rows")
    digest = describe(tmp_path / "copy").digest
    run.journal.write(replace(run.journal.need(Snapshot), source="sql", kept=digest))
    return run, tmp_path / "copy", digest


def test_rows_of_a_query_whose_copy_is_gone_cannot_be_had_again(query_run):
    run, _, digest = query_run
    with pytest.raises(IntegrityError, match="its query gives what its tables hold now; nothing was started") as caught:
        api.reproduce(run.journal.run_id, workspace=str(run.workspace.folder), quiet=True)
    assert caught.value.exit_code == 7 and str(ContentStore(run.workspace.kept).path(digest)) in caught.value.what
    assert caught.value.next_step == (
        f"restore that folder from a backup, then: raytemplate reproduce {run.journal.run_id}"
    )
    assert not list(run.workspace.again.glob("*"))


def test_a_copy_that_is_only_in_the_storage_of_the_job_is_brought(query_run, tmp_path):
    run, copy, digest = query_run
    ContentStore(tmp_path / "shared" / KEPT).put(copy)
    storage = str(tmp_path / "shared")
    run.journal.write(SubmittedJob(address="http://head:1", submission_id="s", storage=storage, key="", attempt=1))
    _bring_rows(run.journal, run.journal.need(Snapshot))
    assert ContentStore(run.workspace.kept).open(digest).is_dir()
