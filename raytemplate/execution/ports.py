"""What execution needs of an engine, as Protocols. Engines implement them; the tests' fakes do too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.budget import Meter
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.evaluation.baselines import BaselineState
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import OnNews
from raytemplate.planning.stages import EvaluateStage, FitStage, IngestStage, SweepStage
from raytemplate.records.evaluated import ColumnEvidence, Latency
from raytemplate.records.fitted import EpochRecord, RankRecord, Restart, StopReason, Usage
from raytemplate.records.ingested import Snapshot

if TYPE_CHECKING:  # Optuna takes a third of a second
    from raytemplate.execution.advisor import Advisor


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingested:
    """What ingest found: the snapshot, statistics of each window, what was fitted on train.

    `encoding_s` is what fitting and encoding took, of rows that were there.
    """

    snapshot: Snapshot
    statistics: Mapping[str, FeatureStatistics]
    features: FittedFeatures
    baseline: BaselineState
    encoding_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """Training that ended; the candidate is the best of the checkpoints it left in the journal's folder."""

    stopped: StopReason
    resumed_from_epoch: int
    ranks: tuple[RankRecord, ...]
    usage: Usage
    engine: str
    restarts: tuple[Restart, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TestScores:
    """Predictions of every model on the same rows of the test window.

    Args:
        target: float64 [rows].
        times: datetime64[us] [rows], UTC.
        predictions: float64 [rows] by name: "candidate", "baseline", and "champion" where there is one.
        problems: name -> why that model could not be scored.
        num_unknown: name -> rows with a category the model has never seen.
        slices: column -> its values on the same rows, for the columns by which rows are sliced.
        units: which unit of resampling a row belongs to, uint64 [rows], where a column says; null without a value.
        latency, champion_latency: how long candidate and champion take, where that was asked.
        columns: what the candidate's input columns have to do with the target.
    """

    __test__ = False  # not a test class, whatever its name begins with

    target: NDArray[np.float64]
    times: NDArray[np.datetime64]
    predictions: Mapping[str, NDArray[np.float64]]
    problems: Mapping[str, str]
    num_unknown: Mapping[str, int]
    slices: Mapping[str, pa.ChunkedArray] = field(default_factory=dict[str, "pa.ChunkedArray"])
    units: pa.ChunkedArray | None = None
    latency: Latency | None = None
    champion_latency: Latency | None = None
    columns: tuple[ColumnEvidence, ...] = ()


OnEpoch = Callable[[EpochRecord], None]


class Engine(Protocol):
    """Runs the stages that need workers."""

    def ready(self) -> None:
        """Wait until stages can run.

        Raises:
            EngineError: the engine did not start.
        """
        ...

    def ingest(self, stage: IngestStage, expected: Snapshot | None) -> Ingested:
        """Read, check and encode. With `expected`, the same data as an earlier process read.

        Raises:
            DataError: data that cannot be used.
            IntegrityError: not the bytes of `expected`; names the file.
        """
        ...

    def fit(self, stage: FitStage, ingested: Ingested, journal: Journal, meter: Meter, on_epoch: OnEpoch) -> Trained:
        """Train until epochs, early stopping or the meter end it, going on from the journal's newest good checkpoint.

        Raises:
            TrainingFailed: the loop failed or its numbers became NaN or infinite.
        """
        ...

    def sweep(
        self, stage: SweepStage, ingested: Ingested, journal: Journal, advisor: Advisor, meter: Meter, on_news: OnNews
    ) -> None:
        """Run the trials that the advisor asks for. None of their processes is left when this returns or raises.

        Raises:
            TrainingFailed: the advisor gives up.
        """
        ...

    def score(
        self,
        stage: EvaluateStage,
        ingest: IngestStage,
        ingested: Ingested,
        models: Mapping[str, Path],
        columns_s: float,
    ) -> TestScores:
        """Predict the test window with each model folder and with the baseline, then look at single columns for
        `columns_s` at most."""
        ...

    def release(self) -> None:
        """Nothing more will be asked: what the engine holds may go, beside what is left to do."""
        ...


class Promoter(Protocol):
    """The only one who judges and moves a head; where user code may have run, a process of its own."""

    def decide(self, journal: Journal) -> None:
        """Judge the run's evidence, and promote if the verdict allows.

        Leaves a VerdictRecord, and a PromotionRecord unless the candidate was rejected.

        Raises:
            ChampionMoved: the head is not the one the evidence was taken against.
        """
        ...

    def project(self, journal: Journal) -> None:
        """Bring MLflow's copy of the run and its model in line; what fails is a warning in the PromotionRecord."""
        ...
