"""A project's own network, not installed: run, stopped, resumed, run on workers, and used without the project."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from command_line import environment, epochs, only_run, raytemplate, record
from own_project import CHANGES, LIGHTNING, without_package, write_project
from pulled_plug import When, pull_the_plug
from small_flights import AS_OF, MODEL, SHIPPED, changed

from raytemplate import api
from raytemplate.errors import SpecError, TrainingFailed, Unavailable
from raytemplate.records.judged import Approved

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
SERVED = """
import sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@champion")
print("mean", model.predict(pandas.read_parquet(sys.argv[3]).head(50))["prediction"].mean())
"""


@pytest.fixture
def project(tmp_path, flights):
    return write_project(tmp_path / "project", flights)


TORCH_FIRST = pytest.mark.parametrize(
    "own", [pytest.param(CHANGES, id="torch"), pytest.param(LIGHTNING, id="lightning", marks=pytest.mark.nightly)]
)
LIGHTNING_FIRST = pytest.mark.parametrize(
    "own", [pytest.param(CHANGES, id="torch", marks=pytest.mark.nightly), pytest.param(LIGHTNING, id="lightning")]
)


def planned(project, changes=None, own=CHANGES):
    # `changed` drops the epochs for families other than the template's, but both of these use epochs.
    spec = api.load(project / SHIPPED.name, set={**changed(own), "training.epochs": 2, **(changes or {})})
    return api.plan(spec, AS_OF)


@pytest.mark.slow
@TORCH_FIRST
def test_a_network_that_travels_predicts_without_its_project(one_ray, project, tmp_path, own):
    run = api.run(planned(project, own=own))
    assert isinstance(run.verdict, Approved)
    without_package(project)
    day = project / "data" / "flights" / "2013-02.parquet"
    model = api.model(f"{MODEL}@champion", workspace=str(project))
    predicted = model.predict(pq.read_table(day).slice(0, 50)).column("prediction").to_pylist()
    assert 20 < sum(predicted) / 50 < 400
    uri = f"sqlite:///{project}/.raytemplate/mlflow.db"
    served = subprocess.run(
        [sys.executable, "-c", SERVED, uri, MODEL, str(day)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert served.returncode == 0, served.stderr
    assert float(served.stdout.split()[-1]) == pytest.approx(sum(predicted) / 50, rel=1e-9)


@pytest.mark.slow
def test_a_champion_keeps_its_own_code_when_the_project_changes(one_ray, project):
    first = api.run(planned(project))
    source = project / "own_net" / "model.py"
    source.write_text(
        source.read_text().replace("self.rest(self.first(dense, codes))", "0 * self.rest(self.first(dense, codes))")
    )
    second = api.run(planned(project))
    assert second.fit.candidate.plan_id != first.fit.candidate.plan_id
    assert second.evaluation.champion is not None
    assert second.evaluation.champion.metrics["mae"] == first.evaluation.candidate.metrics["mae"]
    assert second.evaluation.candidate.metrics["mae"] != first.evaluation.candidate.metrics["mae"]


@pytest.mark.slow
@LIGHTNING_FIRST
def test_two_workers_train_a_network_of_ones_own(one_ray, project, own):
    run = api.run(planned(project, {"resources.workers": 2, "resources.per_worker.cpus": 0.5}, own))
    assert isinstance(run.verdict, Approved)
    assert len({rank.weights_sha256 for rank in run.fit.ranks}) == 1 and len(run.fit.ranks) == 2


def test_a_network_that_fails_ends_with_nine_and_its_place(one_ray, project):
    with pytest.raises(TrainingFailed, match=r"the network gave \[\d+, 2\] for \d+ rows") as failed:
        api.run(planned(project, {"model.build": "own_net.model:of_two", "model.args": {}}))
    assert failed.value.exit_code == 9


def test_a_target_that_is_not_there_is_a_problem_with_its_place(project):
    with pytest.raises(SpecError) as refused:
        planned(project, {"model.build": "own_net.model:biuld", "code.modules": ["own_net", "own_nte"]})
    assert 'no module "own_nte"' in str(refused.value)
    with pytest.raises(SpecError, match="did you mean build"):
        planned(project, {"model.build": "own_net.model:biuld"})
    with pytest.raises(SpecError, match=r"own_net.model may not be imported: it is not in code.modules"):
        planned(project, {"code.modules": []})


@pytest.mark.slow
@TORCH_FIRST
def test_a_run_that_was_lost_goes_on_with_the_code_it_began_with(one_ray, project, tmp_path, flights, own):
    longer = {"training.epochs": 40}
    with pytest.raises(Unavailable, match="the plug was pulled"):
        api.run(planned(project, longer, own), listener=When(2, pull_the_plug))
    done = [each["epoch"] for each in epochs(only_run(project))]
    without_package(project)
    resumed = raytemplate("resume", "last", cwd=project)  # in a process that has never imported it
    assert resumed.returncode == 0, resumed.stderr
    run = only_run(project)
    # The worker trains on while it is told that the plug was pulled; an epoch takes a fiftieth of a second.
    assert done == list(range(1, len(done) + 1)) and 2 <= len(done) < 40
    assert record(run, "fit")["resumed_from_epoch"] == done[-1]
    whole = api.run(planned(write_project(tmp_path / "whole", flights), longer, own))
    assert record(run, "fit")["candidate"]["digest"] == whole.fit.candidate.digest
    assert json.loads((run / "run.lock").read_text())["plan"]["code"]["modules"] == ["own_net"]
