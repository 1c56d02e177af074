"""The runner of forecasts writes templates that can be planned; what they take is for the runner itself."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from raytemplate import api

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def runner():
    spec = spec_from_file_location("forecast_runner", BENCHMARKS / "forecast.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("changes", [{}, {"classes": 2}, {"classes": 7, "trials": 4}, {"files": 9, "columns": 30}])
def test_each_case_is_planned_with_its_classes_files_and_columns(runner, tmp_path, monkeypatch, changes):
    monkeypatch.chdir(tmp_path)
    case = runner.Case(name="a case", **{"rows": 2_000, **changes})
    runner.write_files(case, tmp_path / "data")
    runner.write_template(case, tmp_path)
    assert len(pq.read_table(tmp_path / "data")) == 2_000
    plan = api.plan(api.load("m.yaml"), "latest").plan
    assert len(plan.ingest.files) == case.files and len(plan.ingest.features) == case.columns
    assert (plan.sweep is not None) == (case.trials > 0) and plan.fit.num_epochs == case.rounds
    assert plan.forecast.seconds > 0 and plan.forecast.runs_seen == 0
