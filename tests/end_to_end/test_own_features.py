"""`features.own`: a project's own function, in both modes, later without the project, and what it must not do."""

import shutil

import pyarrow.parquet as pq
import pytest
from small_flights import AS_OF, MODEL, SHIPPED, changed, write_demo

from raytemplate import api
from raytemplate.errors import DataError, SpecError, TrainingFailed
from raytemplate.records.judged import Approved

pytestmark = pytest.mark.ray
FUNCTIONS = """
import pyarrow as pa
import pyarrow.compute as pc


def add(rows):
    far = pc.greater(rows["distance"], 1000)
    return pa.table({"per_seat": pc.divide(rows["distance"], pc.add(rows["seats"], 1)), "far": far})


def ranked(rows):
    return {"per_seat": pc.subtract(rows["distance"], pc.mean(rows["distance"])), "far": [True] * len(rows)}


def short(rows):
    return {"per_seat": [1.0], "far": [True]}


def broken(rows):
    return rows["nothing"]
"""
OWN = {
    "code.modules": ["own_features"],
    "features.own": {
        "build": "own_features:add",
        "columns": ["distance", "seats"],
        "gives": {"per_seat": "numeric", "far": "categorical"},
    },
    "features.columns.far": {"encoding": "one-hot"},
}


@pytest.fixture
def project(tmp_path, flights):
    folder = write_demo(tmp_path / "project", flights)
    (folder / "own_features.py").write_text(FUNCTIONS)
    return folder


def planned(project, changes=None):
    return api.plan(api.load(project / SHIPPED.name, set=changed({**OWN, **(changes or {})})), AS_OF)


@pytest.mark.parametrize("mode", ["memory", pytest.param("stream", marks=pytest.mark.slow)])
def test_own_features_are_trained_on_and_travel_with_the_model(one_ray, project, mode) -> None:
    run = api.run(planned(project, {"data.ingest": mode}))
    assert isinstance(run.verdict, Approved)
    (project / "own_features.py").unlink()
    shutil.rmtree(project / "__pycache__", ignore_errors=True)
    model = api.model(f"{MODEL}@champion", workspace=str(project))
    day = pq.read_table(project / "data" / "flights" / "2013-02.parquet").slice(0, 50)
    assert 20 < sum(model.predict(day).column("prediction").to_pylist()) / 50 < 400


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("ranked", DataError, r"own_features:ranked: the first row alone gives a different result than among "),
        ("short", DataError, r"own_features:short returned 1 rows for "),
        ("broken", TrainingFailed, r"own_features:broken failed: own_features\.py:\d+: KeyError"),
    ],
)
def test_a_function_that_cannot_be_used_is_named(one_ray, project, function, error, message) -> None:
    with pytest.raises(error, match=message):
        api.run(planned(project, {"features.own.build": f"own_features:{function}"}))


def test_a_function_outside_of_the_listed_modules_is_refused(project) -> None:
    with pytest.raises(SpecError, match=r"features\.own\.build: os may not be imported: it is not in code\.modules"):
        planned(project, {"features.own.build": "os:getcwd"})
    with pytest.raises(SpecError, match=r"features\.own\.build: .*did you mean"):
        planned(project, {"features.own.build": "own_features:ad"})
