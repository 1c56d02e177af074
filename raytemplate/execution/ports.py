"""What execution needs of an engine, as Protocols. Engines implement them, and so do the fakes in tests."""

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
from raytemplate.data.labels import Labels
from raytemplate.evaluation.baselines import BaselineState
from raytemplate.execution.journal import Journal
from raytemplate.execution.trials import OnNews
from raytemplate.planning.stages import EvaluateStage, FitStage, IngestStage, SweepStage
from raytemplate.records.evaluated import ColumnEvidence, Latency
from raytemplate.records.fitted import EpochRecord, RankRecord, Restart, StopReason, Usage
from raytemplate.records.ingested import Snapshot
from raytemplate.records.profiled import DataProfile

if TYPE_CHECKING:  # Optuna takes a third of a second
    from raytemplate.execution.advisor import Advisor


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingested:
    """What ingest found."""

    snapshot: Snapshot
    """The exact data that was read."""
    statistics: Mapping[str, FeatureStatistics]
    """Window name -> its statistics."""
    features: FittedFeatures
    """The features, fitted on the train window."""
    baseline: BaselineState
    """The baseline, fitted on the train window."""
    profile: DataProfile | None = None
    """The raw profile of every window; None if there is none."""
    labels: Labels | None = None
    """The targets of the rows in hashes; None if the plan has no keys, or rows were not read again."""
    encoding_s: float = 0.0
    """Seconds that fitting and encoding took once the rows were in memory."""
    notes: tuple[str, ...] = ()
    """What a person should know about how it was done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """Training that ended; the candidate is the best of the checkpoints it left in the journal's folder."""

    stopped: StopReason
    """Why training ended."""
    resumed_from_epoch: int
    """The epoch after which this process resumed; 0 if it started from scratch."""
    ranks: tuple[RankRecord, ...]
    """One record for each worker."""
    usage: Usage
    """What training took."""
    engine: str
    """Name of the engine that trained."""
    restarts: tuple[Restart, ...] = ()
    """Losses of workers, each with the start that followed it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TestScores:
    """Predictions of every model on the same rows of the test window."""

    __test__ = False  # not a test class, despite its name

    target: NDArray[np.float64]
    """float64 [rows]."""
    times: NDArray[np.datetime64]
    """datetime64[us] [rows], UTC."""
    predictions: Mapping[str, NDArray[np.float64]]
    """Model name -> float64 [rows]: "candidate", "baseline" and, if there is one, "champion"."""
    problems: Mapping[str, str]
    """Model name -> why that model could not be scored."""
    num_unknown: Mapping[str, int]
    """Model name -> rows with a category that the model has never seen."""
    slices: Mapping[str, pa.ChunkedArray] = field(default_factory=dict[str, "pa.ChunkedArray"])
    """Column -> its values on the same rows, for the columns by which rows are sliced."""
    units: pa.ChunkedArray | None = None
    """uint64 [rows]: the resampling unit of each row if a column defines it; null if the row has no value."""
    latency: Latency | None = None
    """How long the candidate takes to predict, if that was requested."""
    champion_latency: Latency | None = None
    """How long the champion takes to predict, if that was requested."""
    columns: tuple[ColumnEvidence, ...] = ()
    """How each of the candidate's input columns relates to the target."""


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
        """Read, check and encode. With `expected`, the data must be the same as an earlier process read.

        Raises:
            DataError: the data cannot be used.
            IntegrityError: the bytes are not those of `expected`; names the file.
        """
        ...

    def fit(self, stage: FitStage, ingested: Ingested, journal: Journal, meter: Meter, on_epoch: OnEpoch) -> Trained:
        """Resume from the journal's newest good checkpoint and train until epochs, early stopping or the meter end it.

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
        """Predict the test window with each model folder and with the baseline, then examine single columns for at most
        `columns_s` seconds."""
        ...

    def release(self) -> None:
        """Nothing more will be requested: the engine may free what it holds, in parallel with the remaining work."""
        ...


class Promoter(Protocol):
    """The only party that judges and moves a head; a separate process if user code may have run in this one."""

    def decide(self, journal: Journal) -> None:
        """Judge the run's evidence, and promote if the verdict allows.

        Leaves a VerdictRecord, and a PromotionRecord unless the candidate was rejected.

        Raises:
            ChampionMoved: the head is not the one the evidence was taken against.
        """
        ...

    def copy_trials(self, journal: Journal) -> None:
        """Begin to copy the trials of a sweep to MLflow, and return at once. `project` copies what is missing then."""
        ...

    def project(self, journal: Journal, within_s: float | None = None) -> None:
        """Bring MLflow's copy of the run and its model up to date; a failure is a warning in the PromotionRecord.

        Args:
            within_s: seconds after which this is given up, also with a warning: the ledger has decided, and the end of
                the run is what it decided. None waits for as long as it takes.
        """
        ...
