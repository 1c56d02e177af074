"""The engine that execution talks to. Data stays open between stages, and Ray starts alongside other work."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from raytemplate.budget import Meter
from raytemplate.engines.ray.clusters.notebooks import quiet_in_notebooks
from raytemplate.engines.ray.clusters.running import RunningRay
from raytemplate.engines.ray.clusters.translated import translated
from raytemplate.engines.ray.private.small_ray import (
    import_sharing,
    without_cleaner,
    without_sharing,
    without_statistics,
)
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Engine, Ingested, OnEpoch, TestScores, Trained
from raytemplate.execution.trials import OnNews
from raytemplate.planning.stages import EvaluateStage, FitStage, IngestStage, RunPlan, SweepStage
from raytemplate.records.ingested import Snapshot
from raytemplate.secret import secrets_set_aside

if TYPE_CHECKING:  # Optuna takes a third of a second
    from raytemplate.execution.advisor import Advisor


class RayEngine(Engine):
    """Ingests, trains and scores on Ray. Modules that import Ray are loaded when the first stage needs them.

    Args:
        plan: the plan to execute. On a Ray that others started, every node is checked against it.
        folder: the run's folder, which every node must be able to use.
        apart: see `train.fit`.
    """

    def __init__(self, cluster: RunningRay, plan: RunPlan, folder: Path, *, apart: bool = False) -> None:
        quiet_in_notebooks()
        self._cluster, self._plan, self._folder, self._apart = cluster, plan, folder, apart
        self._checked = False
        self._data: object | None = None
        self._changes = ExitStack()
        self.has_imported = threading.Event()
        """Set once the imports for reading are done; another thread may then import what training needs."""
        self.has_begun_trials = threading.Event()
        """Set once the first trial of a sweep has begun."""

    def ready(self) -> None:
        """See `execution.ports.Engine`. The first stage's imports run while Ray starts."""
        from raytemplate.engines.ray.data import ingest as _  # noqa: F401

        import_sharing()
        self.has_imported.set()
        self._cluster.wait()
        if self._cluster.ours:
            without_statistics(self._changes)
        elif not self._checked:
            from raytemplate.engines.ray.clusters.preflight import check_nodes

            translated("start", lambda: check_nodes(self._plan, self._folder))
            self._checked = True

    def ingest(self, stage: IngestStage, expected: Snapshot | None) -> Ingested:
        """See `execution.ports.Engine`. If only the features changed, rows that are open are not read again."""
        from raytemplate.engines.ray.data.ingest import OpenData, encode_again
        from raytemplate.engines.ray.data.reused import Reusing

        held = self._data
        if isinstance(held, OpenData) and held.serves(stage):
            self._data = again = translated("ingest", lambda: encode_again(held, stage, expected))
            return again.ingested
        if self._cluster.ours and stage.mode == "memory":
            without_sharing(self._changes)
        reusing = Reusing(plan=self._plan, folder=self._folder, before_reading=self._cluster.wait_for_reader)
        self._data = data = translated("ingest", lambda: reusing.open(stage, expected))
        return data.ingested

    @override
    def fit(self, stage: FitStage, ingested: Ingested, journal: Journal, meter: Meter, on_epoch: OnEpoch) -> Trained:
        from raytemplate.engines.ray.data.ingest import OpenData
        from raytemplate.engines.ray.training import train

        assert isinstance(self._data, OpenData)
        data = self._data
        if self._cluster.ours and stage.workers:
            without_cleaner(self._changes)
        return translated("fit", lambda: train.fit(stage, data, journal, meter, on_epoch, apart=self._apart))

    @override
    def sweep(
        self, stage: SweepStage, ingested: Ingested, journal: Journal, advisor: Advisor, meter: Meter, on_news: OnNews
    ) -> None:
        from raytemplate.engines.ray.data.ingest import OpenData
        from raytemplate.engines.ray.trials.tuner import run_sweep

        assert isinstance(self._data, OpenData)
        data = self._data
        if self._cluster.ours and stage.workers > 1:
            without_cleaner(self._changes)
        ours = self._cluster.ours
        begun = self.has_begun_trials.set
        translated("sweep", lambda: run_sweep(stage, data, journal, advisor, meter, on_news, begun, ours=ours))

    @override
    def score(
        self,
        stage: EvaluateStage,
        ingest: IngestStage,
        ingested: Ingested,
        models: Mapping[str, Path],
        columns_s: float,
    ) -> TestScores:
        from raytemplate.engines.ray.data.ingest import OpenData
        from raytemplate.engines.ray.scoring.score import score_test

        assert isinstance(self._data, OpenData)
        data = self._data
        with secrets_set_aside(os.environ):  # models may hold a project's code, which has no need of them
            return translated("evaluate", lambda: score_test(stage, ingest, data, models, columns_s))

    @override
    def release(self) -> None:
        self._data = None
        self._cluster.begin_to_stop()

    def close(self) -> None:
        """Undo the changes made to Ray for a Ray of our own: this process may go on to use another."""
        self._changes.close()
