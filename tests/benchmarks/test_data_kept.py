"""What the benchmark of kept data leaves out is there to be left out."""

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_the_functions_that_it_replaces_exist(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    from data_kept import WAYS

    from raytemplate.engines.ray.data import ingest

    assert [name for names in WAYS.values() for name in names.split(",") if name and not hasattr(ingest, name)] == []
