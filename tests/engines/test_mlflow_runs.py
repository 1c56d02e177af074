"""A run in MLflow as its users look for it: metrics, parameters, tags, data, description and documents."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from small_flights import SHIPPED

from raytemplate import api
from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.mirror import Mirror, tracking_uri
from raytemplate.engines.mlflow.parameters import parameters
from raytemplate.execution.artifacts import MODEL_CARD
from raytemplate.execution.journal import STATEMENT, Journal
from raytemplate.execution.lock import write_lock
from raytemplate.records.codec import Settings
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing import sample_plans, samples

PLAN = sample_plans.sample_plan()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = Workspace(tmp_path_factory.mktemp("workspace"))
    create(made)
    Mirror(made).open()
    return made


@pytest.fixture(scope="module")
def client(workspace):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(workspace), registry_uri=tracking_uri(workspace))


def new_journal(workspace, plan=PLAN, verdict=None, **start):
    """A run that was judged, and of which MLflow was not told."""
    journal = Journal(new_run(workspace)[1])
    write_lock(journal, plan, api.load(SHIPPED))
    journal.write(samples.sample_start(run_id=journal.run_id, **start))
    for record in (samples.sample_snapshot(), samples.sample_fit(), samples.sample_evaluation()):
        journal.write(record)
    for epoch in samples.sample_epochs():
        journal.add_epoch(epoch)
    journal.write(samples.sample_verdict_record(verdict=verdict or samples.sample_verdict()))
    return journal


def told(workspace, client, journal, plan=PLAN):
    """Its MLflow run."""
    assert Mirror(workspace).bring_in_line(plan, journal), (journal.folder / "mlflow-error.txt").read_text()
    experiment = client.get_experiment_by_name(plan.promote.experiment)
    [run] = client.search_runs([experiment.experiment_id], f"tags.`raytemplate.run` = '{journal.run_id}'")
    return run


@pytest.fixture(scope="module")
def approved(workspace, client):
    return told(workspace, client, new_journal(workspace, commit="3fa2b1" + "0" * 34))


def test_metrics_are_named_by_metric_and_window(client, approved):
    assert approved.data.metrics == {
        "train_loss": 8.0, "validation_mae": 7.31, "best_validation_mae": 7.31,
        "test_mae": 6.94, "test_rmse": 11.2, "test_r2": 0.985, "test_mae_champion": 8.54, "test_mae_baseline": 9.08,
        "fit_s": 3.1, "rows_per_s": 812_345.0, "cost_usd": 0.0,
    }  # fmt: skip
    history = client.get_metric_history(approved.info.run_id, "validation_mae")
    assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]
    assert history[1].timestamp - history[0].timestamp == 500


def test_tags_say_what_was_decided_and_what_it_was_made_from(approved):
    tags = approved.data.tags
    expected = {"variant": "standard", "verdict": "Approved", "as_of": "2013-06-01",
                "template": "flights-air-time 1.0.0", "gate.metric-limit": "pass"}  # fmt: skip
    assert {name: tags[f"raytemplate.{name}"] for name in expected} == expected
    assert tags["mlflow.source.name"] == "flights-air-time.yaml" and tags["mlflow.user"] == "ada"
    assert tags["mlflow.source.git.commit"].startswith("3fa2b1")


def test_the_description_tells_the_verdict_and_every_gate(approved):
    note = approved.data.tags["mlflow.note.content"]
    assert note.startswith("Approved: the candidate may become the champion of flights-air-time")
    assert "trained on 141,497 rows (2013-01-01 to 2013-06-10): epoch 6 of 6 is the best." in note
    assert "| mae (decides) | 6.94 [6.44, 7.44] | 8.54 [8.04, 9.04] | 9.08 [8.58, 9.58] |" in note
    assert "| data-rows | pass | 141,497 | at least 50,000 |" in note


def test_each_window_is_a_dataset_under_the_digest_of_the_snapshot(approved):
    read = {one.dataset.name: one for one in approved.inputs.dataset_inputs}
    assert sorted(read) == [f"flights-air-time-{window}" for window in ("test", "train", "validation")]
    train = read["flights-air-time-train"]
    assert (train.dataset.digest, train.dataset.source_type) == ("5be15be15be1", "local")
    assert [(tag.key, tag.value) for tag in train.tags] == [("mlflow.data.context", "training")]
    profile = {"num_rows": 141_497, "num_dropped": 4_781, "from": "2013-01-01", "to (excluded)": "2013-06-10"}
    assert json.loads(train.dataset.profile) == profile
    assert json.loads(train.dataset.source)["uri"].endswith("data/flights/*.parquet")


def test_parameters_are_the_fields_that_runs_are_compared_by(approved):
    params = approved.data.params
    expected = {
        "as_of": "2013-06-01T00:00:00+00:00", "model.hidden": "128", "training.lr": "0.001", "budget.time": "10m",
        "data.target": "air_time", "data.windows.test": "14d", "features.categorical": "[carrier, origin, dest]",
    }  # fmt: skip
    assert {name: params.get(name) for name in expected} == expected
    assert not [name for name in params if name.startswith(("governance.", "metadata.", "tracking."))]


def test_parameters_are_cut_to_the_limits_of_mlflow(workspace):
    fit = sample_plans.sample_fit_stage(model=Settings({"kind": "x" * 9000, "y" * 300: 1}))
    journal = new_journal(workspace, replace(PLAN, fit=fit))
    found = {param.key: param.value for param in parameters(Copied.of(journal))}
    assert len(found["model.kind"]) == 6000 and max(map(len, found)) == 250


def test_what_a_variant_made_for_show_does_not_look_rejected(workspace, client):
    plan = replace(PLAN, variant="smoke", govern=sample_plans.sample_govern_stage(promotable=False))
    journal = new_journal(workspace, plan, verdict=samples.sample_rejected(), variant="smoke")
    run = told(workspace, client, journal, plan)
    assert run.data.tags["raytemplate.verdict"] == "For show"
    assert not [name for name in run.data.tags if name.startswith("raytemplate.gate.")]
    assert run.data.tags["mlflow.note.content"].startswith("For show: variant smoke promotes nothing")
    assert run.info.run_name == f"2013-06-01 smoke {journal.run_id}" and run.info.status == "FINISHED"


def test_a_run_that_a_person_promoted_since_is_told_of_again(workspace, client):
    journal = new_journal(workspace, verdict=samples.sample_held())
    assert told(workspace, client, journal).data.tags["raytemplate.verdict"] == "Held"
    journal.write(samples.sample_verdict_record(verdict=samples.sample_verdict(by="ada", reason="it is right")))
    again = told(workspace, client, journal)
    assert again.data.tags["raytemplate.verdict"] == "Approved"
    assert "Approved by ada: it is right" in again.data.tags["mlflow.note.content"]


def test_a_run_that_a_killed_process_began_to_log_is_made_whole(workspace, client, approved):
    journal = new_journal(workspace)
    tags = {"raytemplate.run": journal.run_id}
    half = client.create_run(approved.info.experiment_id, tags=tags).info.run_id
    whole = told(workspace, client, journal)
    assert (whole.info.run_id, whole.info.status) == (half, "FINISHED")
    assert whole.data.metrics == approved.data.metrics and whole.data.params == approved.data.params


def test_thousands_of_epochs_and_hundreds_of_parameters_are_logged(workspace, client):
    fit = sample_plans.sample_fit_stage(model=Settings({f"field_{n}": n for n in range(150)}))
    plan = replace(PLAN, fit=fit)
    journal = new_journal(workspace, plan)
    for epoch in samples.sample_epochs(1200)[6:]:
        journal.add_epoch(epoch)
    run = told(workspace, client, journal, plan)
    assert len(run.data.params) > 150
    assert len(client.get_metric_history(run.info.run_id, "train_loss")) == 1200


def test_the_documents_of_a_run_that_has_ended_are_artifacts(workspace, client):
    journal = new_journal(workspace)
    run = told(workspace, client, journal)
    (journal.folder / MODEL_CARD).write_text("# flights-air-time\n")
    journal.keep(STATEMENT, b"{}")
    Mirror(workspace).add_documents(journal, "<!doctype html>")
    logged = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert logged == {"lineage.json", "model-card.md", "records", "report.html"}
    assert {file.path for file in client.list_artifacts(run.info.run_id, "records")} == {
        f"records/{name}" for name in ("run.lock", "snapshot.json", "fit.json", "evaluation.json", "verdict.json")
    }


def test_the_pages_of_mlflow_know_what_kind_of_experiment_it_is(client, approved):
    experiment = client.get_experiment(approved.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "Predicts `air_time`: a number." in experiment.tags["mlflow.note.content"]


def test_a_run_whose_records_are_incomplete_is_read(workspace):
    journal = Journal(new_run(workspace)[1])
    write_lock(journal, PLAN, None)
    journal.write(samples.sample_start(run_id=journal.run_id))
    assert Copied.of(journal).view.fit is None
