"""Hand-written fakes of an engine, a promoter and a clock: whole runs in milliseconds, without Ray and MLflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from typing_extensions import override

from raytemplate import plugins
from raytemplate.budget import Meter
from raytemplate.data.features.encoding import fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.snapshot import snapshot_of
from raytemplate.evaluation.baselines import fit_baseline
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.execution.decide import decide
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.ports import Engine, Ingested, OnEpoch, Promoter, TestScores, Trained
from raytemplate.ledger.head import Ledger
from raytemplate.models.options import Family
from raytemplate.planning.stages import EvaluateStage, FitStage, IngestStage, RunPlan, Window
from raytemplate.records.fitted import EpochRecord, RankRecord, Usage
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Actor
from raytemplate.records.run import StageName
from raytemplate.records.swept import SweepNow, TrialRecord
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore


@dataclass
class FakeClock:
    """A clock that advances only when told to."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now_s += seconds


@dataclass
class FakeEngine(Engine):
    """An engine that makes up its rows, leaves a checkpoint after each epoch and predicts with a fixed error."""

    epochs: int = 3
    """Epochs it completes; fewer than the plan's look like a budget that ended."""
    candidate_error: float = 1.0
    """How far off each of the candidate's predictions is, in the target's unit."""
    champion_error: float = 2.0
    """The same for the champion."""
    weights: str = "w"
    """Content of the model's files."""
    crash: Mapping[str, BaseException] = field(default_factory=dict[str, BaseException])
    """Stage -> what it raises at its beginning."""
    calls: list[str] = field(default_factory=list[str])
    """The calls it has received, in order."""

    @override
    def ready(self) -> None:
        self._called("ready")

    @override
    def ingest(self, stage: IngestStage, expected: Snapshot | None) -> Ingested:
        self._called("ingest" if expected is None else "ingest again")
        tables = {w.name: fake_rows(w) for w in stage.windows}
        statistics = {name: feature_statistics(table, stage.features, stage.target) for name, table in tables.items()}
        rows = {name: table.num_rows for name, table in tables.items()}
        return Ingested(
            snapshot=snapshot_of(stage, (), rows, dict.fromkeys(rows, 0), "made up"),
            statistics=statistics,
            features=fit_features(statistics["train"], stage.features, taken=stage.taken),
            baseline=fit_baseline(tables["train"], stage.baseline, stage.target),
        )

    @override
    def fit(self, stage: FitStage, ingested: Ingested, journal: Journal, meter: Meter, on_epoch: OnEpoch) -> Trained:
        self._called("fit")
        checkpoints = Checkpoints(journal.checkpoints)
        good, _ = checkpoints.good()
        first = good[-1].epoch + 1 if good else 1
        for epoch in range(first, self.epochs + 1):
            folder = checkpoints.save(epoch, 10.0 - epoch, lambda folder: self._write(stage, folder))
            record = EpochRecord(
                epoch=epoch,
                train_loss=1.0,
                validation=10.0 - epoch,
                num_rows=100,
                loop_s=0.1,
                wall_clock_s=0.1 * epoch,
                checkpoint=folder.name,
            )
            journal.add_epoch(record)
            on_epoch(record)
        return Trained(
            stopped="epochs" if self.epochs >= stage.num_epochs else "budget.time",
            resumed_from_epoch=first - 1,
            ranks=(RankRecord(rank=0, num_rows=100, weights_sha256=""),),
            usage=Usage(wall_clock_s=0.1, cpu_s=0.1),
            engine="made up",
        )

    @override
    def score(
        self,
        stage: EvaluateStage,
        ingest: IngestStage,
        ingested: Ingested,
        models: Mapping[str, Path],
        columns_s: float,
    ) -> TestScores:
        self._called("score")
        test = fake_rows(ingest.window("test"))
        target = test.column("air_time").to_numpy()
        errors = {"candidate": self.candidate_error, "champion": self.champion_error}
        predictions = {name: target + errors[name] for name in models}
        return TestScores(
            target=target,
            times=test.column("time_hour").to_numpy().astype("datetime64[us]"),
            predictions=predictions | {"baseline": ingested.baseline.predict(test)},
            problems={},
            num_unknown={},
        )

    @override
    def release(self) -> None:
        self._called("release")

    def _called(self, stage: str) -> None:
        self.calls.append(stage)
        if stage in self.crash:
            raise self.crash[stage]

    def _write(self, stage: FitStage, folder: Path) -> None:
        family: Family = plugins.load(plugins.FAMILIES, stage.family)
        for name in family.files:
            (folder / name).write_text(json.dumps(self.weights))


@dataclass(frozen=True)
class LedgerPromoter(Promoter):
    """Judges and promotes in this process, where the real promoter uses its own; does not touch MLflow."""

    ledger: Ledger
    store: ContentStore

    @override
    def decide(self, journal: Journal) -> None:
        decide(journal, read_lock(journal).plan, self.ledger, self.store, actor=Actor(name="ada", automatic=True))

    def copy_trials(self, journal: Journal) -> None:
        """See `Promoter`; does nothing, since there is no MLflow."""

    def project(self, journal: Journal, within_s: float | None = None) -> None:
        """See `copy_trials`."""


@dataclass
class Heard(Listener):
    """A listener that records what it is told."""

    said: list[str] = field(default_factory=list[str])
    """Such as "started", "ingest ..", "ingest", "epoch 1"."""

    @override
    def started(self, plan: RunPlan, run_id: str) -> None:
        self.said.append("started")

    @override
    def stage_started(self, stage: StageName) -> None:
        self.said.append(f"{stage} ..")

    @override
    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        self.said.append(f"epoch {record.epoch}")

    @override
    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        self.said.append(f"trial {record.number}")

    def searching(self, now: SweepNow) -> None:
        """See `Listener`; not recorded, because it depends on the clock."""

    @override
    def stage_ended(self, stage: StageName, record: object, seconds: float) -> None:
        self.said.append(stage)

    @override
    def note(self, text: str) -> None:
        self.said.append(f"note: {text}")


def fake_rows(window: Window, a_day: int = 4) -> pa.Table:
    """Rows of a window with the columns of `sample_plan`, `a_day` for each day; always the same for the same window."""
    days = (window.end - window.start) // timedelta(days=1)
    number = np.arange(days * a_day)
    start = np.datetime64(window.start.replace(tzinfo=None), "us")
    times = start + (number // a_day).astype("timedelta64[D]").astype("timedelta64[us]")
    distance = 100.0 + number % 50
    return pa.table(
        {
            "time_hour": pa.array(times, pa.timestamp("us", tz="UTC")),
            "carrier": pa.array([("UA", "DL")[n % 2] for n in number]),
            "origin": pa.array([("JFK", "EWR")[n % 2] for n in number]),
            "dest": pa.array(["BOS"] * len(number)),
            "distance": distance,
            "air_time": 20.0 + distance / 8 + 15.0 * (number % 7 == 0),
        }
    )
