"""Stages on small real data, run on this process's one Ray."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_flights import AS_OF

from raytemplate import api
from raytemplate.budget import Meter
from raytemplate.engines.ray.clusters.translated import translated
from raytemplate.engines.ray.data.ingest import open_data
from raytemplate.engines.ray.training.train import fit
from raytemplate.execution.journal import Journal


@pytest.fixture
def private_parts(monkeypatch) -> None:
    """For tests of what needs private parts of Ray, in a suite that is also run without them."""
    monkeypatch.delenv("RAYTEMPLATE_PLAIN_RAY", raising=False)


@pytest.fixture
def plain(monkeypatch) -> None:
    """For tests of what happens without private parts of Ray. Workers that already run are not affected."""
    monkeypatch.setenv("RAYTEMPLATE_PLAIN_RAY", "1")


@pytest.fixture
def many_groups(demo) -> Path:
    """The files of `demo`, rewritten in row groups of 2,000 rows, each row with a unique number."""
    first = 0
    for path in sorted((demo / "data" / "flights").iterdir()):
        table = pq.read_table(path)
        numbers = np.arange(first, first + table.num_rows, dtype=np.float64)
        first += table.num_rows
        pq.write_table(table.append_column("row_id", [numbers]), path, row_group_size=2000, write_page_checksum=True)
    return demo / "data" / "flights"


@pytest.fixture
def plan(small):
    """Makes the plan of the small job, with changes."""

    def make(changes=None, as_of=AS_OF):
        return api.plan(small(changes), as_of).plan

    return make


@pytest.fixture
def ingest(one_ray, plan):
    """Reads the small job's data, given changes to its plan, or a stage."""

    def read(changes=None, expected=None):
        stage = plan(changes).ingest if changes is None or isinstance(changes, dict) else changes
        return open_data(stage, expected)

    return read


@pytest.fixture
def train(one_ray, tmp_path):
    """Trains a plan in a run folder of its own; returns what the engine returns, and the journal."""

    def run(made, stage=None, limit_s=200.0):
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        folder.mkdir()
        journal, meter = Journal(folder), Meter(limit_s=limit_s, limit_usd=1.0)
        data = open_data(made.ingest, None)
        work = functools.partial(fit, stage or made.fit, data, journal, meter, lambda record: None)
        return translated("fit", work), journal

    return run
