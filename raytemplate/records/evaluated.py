"""What evaluation hands on: metrics with intervals, all on one test snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its 95 % interval, in the metric's unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricValue:
    """One metric of one model. `id` and `version` say which formula; other versions are never compared with it."""

    id: str
    version: int
    higher_is_better: bool
    estimate: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A model minus another, of the deciding metric, paired over the same rows.

    `gain` is how much better the first is: its sign follows the metric's direction.
    """

    metric: str
    version: int
    estimate: Estimate
    gain: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionRef:
    """The champion that a candidate was judged against: what the head said at that moment."""

    version: int
    digest: str
    term: int
    run_id: str
    seen_until: datetime | None
    split: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """One model or baseline on the test snapshot; `difference` is candidate minus this one (None for the candidate)."""

    name: str
    metrics: Mapping[str, MetricValue]
    difference: Difference | None = None
    num_unknown_categories: int = 0
    against_baseline: Difference | None = None
    """Of a champion: this one minus the baseline, in the deciding metric, paired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """The candidate's test rows by class: `counts[own][taken for]`, both in the order of `classes`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """The test rows whose column `by` has this value, or lies in this range; metrics of candidate and champion."""

    by: str
    value: str
    num_rows: int
    candidate: Mapping[str, MetricValue]
    champion: Mapping[str, MetricValue] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """Test rows of about the same probability: its mean, and the share of them that came true."""

    probability: float
    share: float
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionBin:
    """Test rows for which about the same number was predicted, and how far the target was above it."""

    num_rows: int
    """Rows in the bin."""

    predicted: float
    """Mean prediction."""

    residuals: tuple[float, ...]
    """Quantiles of target minus prediction: 0.05, 0.25, 0.5, 0.75 and 0.95."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnEvidence:
    """What one input column has to do with the target, on a sample of the test rows."""

    column: str
    """Its name in the data."""

    explained: float | None = None
    """1 - loss of the column alone / loss of the best constant, at most 1, out of sample; None if not measured."""

    importance: Estimate | None = None
    """How much worse the deciding metric of the candidate gets if the column's values are permuted, in the metric's
    unit; None if not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Seconds that the candidate took for `num_rows` rows at once, 95 of 100 times at most; measured `num_times`."""

    p95_s: float
    num_rows: int
    num_times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Candidate, champion and baseline on the same rows.

    `term` is the ledger's counter when the evidence was taken; promotion fails if it has moved.
    `split` is the id of the split by row hash that the test rows come from; empty where they are a window of time.
    `slices`, `calibration` (of the candidate, for classes), `latency` and `candidate_bytes` are empty where nobody
    asked, and in records of before there were such.
    `champion_problem` says why a champion could not be compared: it has seen test rows, or cannot be scored.
    `confusion` is None where numbers are predicted, and for more than 50 classes.
    """

    metric: str
    test_snapshot: str
    test_start: datetime
    test_end: datetime
    candidate_seen_until: datetime
    num_rows: int
    num_train_rows: int
    resample: str
    num_groups: int
    num_resamples: int
    term: int
    candidate_digest: str
    candidate: Scored
    baseline: Scored | None
    champion_ref: ChampionRef | None
    champion: Scored | None
    champion_problem: str = ""
    split: str = ""
    slices: tuple[Slice, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    latency: Latency | None = None
    candidate_bytes: int = 0
    confusion: Confusion | None = None
    champion_latency: Latency | None = None
    """As `latency`, of the champion."""
    columns: tuple[ColumnEvidence, ...] = ()
    """What each input column of the candidate has to do with the target; empty in records of before."""
    by_prediction: tuple[PredictionBin, ...] = ()
    """How far off the predicted numbers were, from the lowest to the highest; empty for classes and before."""
    test_rows: str = ""
    """Which rows these are: the same digest for every candidate that is judged on the very same rows."""

    @property
    def metrics(self) -> Mapping[str, Estimate]:
        """The candidate's metrics by id."""
        return {name: value.estimate for name, value in self.candidate.metrics.items()}
