"""A workspace of 0.1 in a new MLflow: versions that say what they are, and load and answer through MLflow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from old_workspace import MODEL, client_of, projected

from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.judged import Actor


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return projected(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def client(workspace):
    return client_of(workspace)


@pytest.fixture(scope="module")
def champion(client):
    return client.get_model_version_by_alias(MODEL, "champion")


@pytest.fixture(scope="module")
def folder(champion):
    """The champion's files in MLflow."""
    return Path(champion.source.removeprefix("file://"))


def test_the_registered_model_is_described(client):
    found = client.get_registered_model(MODEL)
    assert found.description.startswith("Predicts `pressure`: a number. Retrained by raytemplate.")
    assert "- template: /tmp/raytemplate-fixture/pump-pressure.yaml\n" in found.description
    assert {name: str(version) for name, version in found.aliases.items()} == {"champion": "2", "challenger": "3"}


def test_versions_say_how_they_were_judged_and_what_they_are(client, champion):
    assert champion.description.startswith("Approved: version 2 became the champion of pump-pressure")
    assert "| mae (decides) |" in champion.description
    tags = {name.removeprefix("raytemplate."): value for name, value in champion.tags.items()}
    assert (tags["verdict"], tags["state"], tags["run"]) == ("Approved", "champion", "wex3x4")
    states = {str(v.version): v.tags["raytemplate.state"] for v in client.search_model_versions(f"name = '{MODEL}'")}
    assert states == {"1": "former", "2": "champion", "3": "challenger"}


def test_a_version_answers_its_own_example(folder):
    import mlflow

    model = mlflow.pyfunc.load_model(str(folder))
    example = model.input_example
    assert example.to_dict("records") == [{"speed": 1.0, "level": 1.0, "pump": "text"}]  # 0.1 kept other statistics
    assert model.predict(example)["prediction"].between(-5, 25).all()


def test_a_version_names_its_columns_and_what_must_be_installed(folder):
    import mlflow

    info = mlflow.models.get_model_info(str(folder))
    inputs = {column.name: str(column.type) for column in info.signature.inputs}
    assert inputs == {"speed": "DataType.double", "level": "DataType.double", "pump": "DataType.string"}
    requirements = (folder / "requirements.txt").read_text().split()
    assert {"torch==2.13.0", "pyarrow==25.0.1", "numpy==2.4.6"} <= set(requirements)
    request = json.loads((folder / "serving_input_example.json").read_text())
    assert list(request) == ["dataframe_split"]


def test_it_is_a_model_of_the_experiment_with_the_figures_of_its_run(client, champion):
    run = client.get_run(champion.run_id)
    [output] = run.outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert (logged.name, logged.model_type, str(logged.status)) == (f"{MODEL}-2", "linear", "READY")
    figures = {metric.key: metric.value for metric in logged.metrics}
    assert figures["test_mae"] == run.data.metrics["test_mae"] == pytest.approx(0.2596, abs=0.02)
    assert len(client.get_metric_history(champion.run_id, "test_mae")) == 1
    assert champion.source == logged.artifact_location


def test_bytes_that_were_changed_in_mlflow_are_not_loaded(folder, tmp_path):
    import mlflow

    copy = shutil.copytree(folder, tmp_path / "copy")
    about = copy / "stored" / "model.json"
    about.chmod(0o644)
    about.write_text(about.read_text().replace("pressure", "pressur0"))
    with pytest.raises(Exception, match="recorded was"):
        mlflow.pyfunc.load_model(str(copy))


def test_what_people_write_in_mlflow_stays(workspace, client):
    client.update_registered_model(MODEL, "Ours.")
    client.set_registered_model_alias(MODEL, "canary", "1")
    Mirror(workspace).bring_in_line(*_run(workspace, "wex3x4"))
    found = client.get_registered_model(MODEL)
    assert found.description == "Ours." and str(found.aliases["canary"]) == "1"


def _run(workspace, run_id):
    journal = Journal(workspace.runs / run_id)
    return read_lock(journal).plan, journal


def test_the_registered_model_carries_its_ledgers_id(workspace, client):
    ledger = open_ledger(workspace)
    ledger.rollback(MODEL, Actor(name="ada"), to_version=1)
    Mirror(workspace).project(MODEL)
    tag = client.get_registered_model(MODEL).tags["raytemplate.ledger"]
    newest = ledger.events()[-1]
    assert tag == f"{ledger.keyring().ledger} {newest.seq} {newest.hash}"
    client.set_registered_model_tag(MODEL, "raytemplate.ledger", f"0123 {newest.seq} {newest.hash}")
    assert "is the copy of ledger 0123" in Mirror(workspace).try_project(MODEL)
