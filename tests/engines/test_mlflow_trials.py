"""The trials of a sweep in MLflow: each is a child run, created once; only the best of many are copied."""

import json
from dataclasses import replace
from itertools import count

import pytest

from raytemplate.engines.mlflow.mirror import Mirror, tracking_uri
from raytemplate.engines.mlflow.trials import MOST_COPIED, track_trials
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing import sample_plans, samples

PLAN = sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = Workspace(tmp_path_factory.mktemp("workspace"))
    create(made)
    Mirror(made).open()
    return made


@pytest.fixture
def client(workspace):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(workspace), registry_uri=tracking_uri(workspace))


@pytest.fixture
def journal(workspace):
    """A run with a sweep, whose candidate was rejected."""
    made = Journal(new_run(workspace)[1])
    write_lock(made, PLAN, None)
    made.write(samples.sample_start(run_id=made.run_id))
    made.write(samples.sample_sweep())
    for record in samples.sample_trials():
        made.add_trial(record)
    return made


def parent_of(client, journal):
    [found] = client.search_runs(experiments(client), f"tags.`raytemplate.run` = '{journal.run_id}'")
    return found


def children(client, parent):
    """Trial -> its child run."""
    found = client.search_runs(experiments(client), f"tags.`mlflow.parentRunId` = '{parent}'", max_results=1000)
    trials = [int(run.data.tags["raytemplate.trial"]) for run in found]
    assert len(set(trials)) == len(trials), "one is there twice"
    return dict(zip(trials, found, strict=True))


def experiments(client):
    return [each.experiment_id for each in client.search_experiments()]


def new_parent(client):
    return client.create_run(experiments(client)[0]).info.run_id


def test_every_trial_is_a_child_of_its_run(workspace, client, journal):
    Mirror(workspace).bring_in_line(PLAN, journal)
    assert not (journal.folder / "mlflow-error.txt").exists()
    parent = parent_of(client, journal)
    found = children(client, parent.info.run_id)
    assert sorted(found) == list(range(1, 13)) and parent.data.tags["raytemplate.trials"] == "12"
    best = found[5]
    assert best.info.run_name == "trial 5"
    assert best.data.params == {"training.lr": "0.0011", "model.hidden": "128", "model.dropout": "0.2"}
    assert best.data.metrics == {"trial_s": 2.5, "validation_mae": 7.31}
    assert best.info.end_time - best.info.start_time == 2500
    assert [n for n, run in found.items() if "raytemplate.winner" in run.data.tags] == [5]
    by_state = {run.data.tags["raytemplate.state"]: run.info.status for run in found.values()}
    assert by_state == {
        "finished": "FINISHED",
        "pruned": "KILLED",
        "cut": "KILLED",
        "diverged": "FAILED",
        "failed": "FAILED",
    }
    assert found[12].data.tags["raytemplate.problem"] == "KeyError: 'dest'"
    assert "validation_mae" not in found[12].data.metrics


def test_told_again_no_trial_is_there_twice(workspace, client, journal):
    Mirror(workspace).bring_in_line(PLAN, journal)
    Mirror(workspace).bring_in_line(PLAN, journal)
    assert len(children(client, parent_of(client, journal).info.run_id)) == 12


def test_what_a_killed_process_began_is_made_whole(client, journal):
    parent = new_parent(client)
    tags = {"mlflow.parentRunId": parent, "raytemplate.trial": "5"}
    half = client.create_run(experiments(client)[0], tags=tags).info.run_id
    track_trials(client, PLAN, journal, parent)
    found = children(client, parent)
    assert len(found) == 12 and found[5].info.run_id == half
    assert (found[5].info.status, found[5].data.metrics["validation_mae"]) == ("FINISHED", 7.31)


def test_a_trial_without_figures_is_completed(client, journal):
    parent = new_parent(client)
    tags = {"mlflow.parentRunId": parent, "raytemplate.trial": "5"}
    half = client.create_run(experiments(client)[0], tags=tags).info.run_id
    client.set_terminated(half, "FINISHED")
    track_trials(client, PLAN, journal, parent)
    assert children(client, parent)[5].data.metrics["validation_mae"] == 7.31


def test_trials_copied_early_are_those_of_the_run_that_is_judged_later(workspace, client, journal):
    asked = iter([True, True, True, False])
    Mirror(workspace).copy_trials(journal, lambda: next(asked))
    early = parent_of(client, journal)
    assert early.info.status == "KILLED" and early.data.tags["raytemplate.plan"] == PLAN.id
    assert sorted(children(client, early.info.run_id)) == [5, 7, 10]
    Mirror(workspace).bring_in_line(PLAN, journal)
    whole = parent_of(client, journal)
    assert (whole.info.run_id, whole.info.status) == (early.info.run_id, "FINISHED")
    assert len(children(client, early.info.run_id)) == 12 and whole.data.params["template_version"] == PLAN.version


def test_a_slow_server_gets_the_best_and_later_the_rest(client, journal):
    parent, now = new_parent(client), iter(range(0, 1000, 3))
    track_trials(client, PLAN, journal, parent, clock=lambda: next(now))
    assert sorted(children(client, parent)) == [5, 7, 10]
    assert client.get_run(parent).data.tags["raytemplate.trials"] == "the best 3 of 12"
    track_trials(client, PLAN, journal, parent)
    assert len(children(client, parent)) == 12
    assert client.get_run(parent).data.tags["raytemplate.trials"] == "12"


@pytest.mark.parametrize(("ended", "number"), [(False, 1), (True, 11)], ids=["goes on", "has ended"])
def test_a_run_whose_budget_is_spent_does_not_wait(client, journal, ended, number):
    attempt = samples.sample_attempt(seen_s=PLAN.limits.time_s - 1.5)
    (journal.folder / "attempt-1.json").write_text(json.dumps(codec.encode(attempt)))
    if ended:
        journal.write(samples.sample_end())
    parent, now = new_parent(client), count(step=0.9)
    track_trials(client, PLAN, journal, parent, clock=lambda: next(now))
    assert len(children(client, parent)) == number


def test_of_many_trials_the_best_are_logged(client, journal, monkeypatch):
    from raytemplate.engines.mlflow import trials

    assert MOST_COPIED == 200
    monkeypatch.setattr(trials, "MOST_COPIED", 5)
    parent = new_parent(client)
    track_trials(client, PLAN, journal, parent)
    track_trials(client, PLAN, journal, parent)
    assert sorted(children(client, parent)) == [4, 5, 7, 8, 10]
    assert client.get_run(parent).data.tags["raytemplate.trials"] == "the best 5 of 12"


def test_the_best_are_the_highest_where_higher_is_better(client, journal, monkeypatch):
    from raytemplate.engines.mlflow import trials

    monkeypatch.setattr(trials, "MOST_COPIED", 1)
    parent = new_parent(client)
    track_trials(client, replace(PLAN, fit=sample_plans.sample_fit_stage(higher_is_better=True)), journal, parent)
    assert list(children(client, parent)) == [6]


def test_long_values_and_costs_are_taken(client, journal):
    record = replace(samples.sample_trials()[0], number=13, cost_usd=0.25, values=Settings({"model.kind": "x" * 9000}))
    journal.add_trial(record)
    parent = new_parent(client)
    track_trials(client, PLAN, journal, parent)
    child = children(client, parent)[13]
    assert child.data.metrics["cost_usd"] == 0.25 and len(child.data.params["model.kind"]) == 6000


def test_a_run_without_a_sweep_has_no_children(workspace, client):
    journal, plan = Journal(new_run(workspace)[1]), sample_plans.sample_plan()
    write_lock(journal, plan, None)
    journal.write(samples.sample_start(run_id=journal.run_id))
    Mirror(workspace).bring_in_line(plan, journal)
    parent = parent_of(client, journal)
    assert children(client, parent.info.run_id) == {} and "raytemplate.trials" not in parent.data.tags
