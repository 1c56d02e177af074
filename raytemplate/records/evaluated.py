"""Records of evaluation: metrics with intervals, all on one test snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its 95 % interval, in the metric's unit."""

    value: float

    low: float
    """Lower end of the interval."""

    high: float
    """Upper end of the interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricValue:
    """One metric of one model."""

    id: str
    """Name of the metric."""

    version: int
    """Version of the formula; values of different versions are never compared."""

    higher_is_better: bool

    estimate: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The difference between two models in the deciding metric, paired over the same rows."""

    metric: str
    """Name of the metric."""

    version: int
    """Version of its formula."""

    estimate: Estimate
    """The first model minus the second."""

    gain: Estimate
    """How much better the first model is: the sign follows the metric's direction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionRef:
    """The champion that a candidate was judged against, as the head named it at that moment."""

    version: int
    """Version of the registered model."""

    digest: str
    """Digest of the model's files."""

    term: int
    """The ledger's counter."""

    run_id: str
    """Run that made the champion."""

    seen_until: datetime | None
    """Moment up to which the champion has seen data; None if unknown."""

    split: str = ""
    """Id of its split by hash; "" without one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """The scores of one model or baseline on the test snapshot."""

    name: str

    metrics: Mapping[str, MetricValue]
    """Metric id -> its value."""

    difference: Difference | None = None
    """The candidate minus this one; None for the candidate itself."""

    num_unknown_categories: int = 0
    """Test values in categories without a code of their own: never seen in training, or rare there."""

    against_baseline: Difference | None = None
    """For a champion: the champion minus the baseline, in the deciding metric, paired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """The candidate's test rows by true and predicted class."""

    classes: tuple[str, ...]

    counts: tuple[tuple[int, ...], ...]
    """Rows: `counts[true][predicted]`, both in the order of `classes`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """The test rows with one value, or one range of values, of a column."""

    by: str
    """The column."""

    value: str
    """The value or range."""

    num_rows: int
    """Rows in the slice."""

    candidate: Mapping[str, MetricValue]
    """Metric id -> the candidate's value."""

    champion: Mapping[str, MetricValue] | None
    """Metric id -> the champion's value; None if it was not scored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """Test rows with about the same predicted probability."""

    probability: float
    """Mean predicted probability."""

    share: float
    """Share of the rows for which the prediction came true."""

    num_rows: int
    """Rows in the bin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionBin:
    """Test rows with about the same predicted number, and how far the target was above it."""

    num_rows: int
    """Rows in the bin."""

    predicted: float
    """Mean prediction."""

    residuals: tuple[float, ...]
    """Quantiles of target minus prediction: 0.05, 0.25, 0.5, 0.75 and 0.95."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnEvidence:
    """How one input column relates to the target, on a sample of the test rows."""

    column: str
    """Name of the column in the data."""

    explained: float | None = None
    """1 - loss of the column alone / loss of the best constant, at most 1, out of sample; None if not measured."""

    importance: Estimate | None = None
    """How much worse the candidate's deciding metric gets if the column's values are permuted, in the metric's unit;
    None if not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """How long a model takes to predict a batch of rows."""

    p95_s: float
    """Seconds for one batch: the 95th percentile of all measurements."""

    num_rows: int
    """Rows in the batch."""

    num_times: int
    """Measurements taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Candidate, champion and baseline scored on the same rows.

    Fields with a default are also empty in records of versions that did not have them yet.
    """

    metric: str
    """The deciding metric."""

    test_snapshot: str
    """Digest of the snapshot that the test rows come from."""

    test_start: datetime
    """First moment of the test window."""

    test_end: datetime
    """First moment after the test window."""

    candidate_seen_until: datetime
    """Moment up to which the candidate has seen data."""

    num_rows: int
    """Test rows."""

    num_train_rows: int
    """Rows of the training window."""

    resample: str
    """What was drawn as a whole for the intervals, such as "day"."""

    num_groups: int
    """Groups to draw from."""

    num_resamples: int
    """Bootstrap draws."""

    term: int
    """The ledger's counter when the evidence was taken; promotion fails if it has moved."""

    candidate_digest: str
    """Digest of the candidate's files."""

    candidate: Scored

    baseline: Scored | None

    champion_ref: ChampionRef | None
    """The champion at that moment; None if there was none."""

    champion: Scored | None
    """The champion's scores; None if it could not be compared."""

    champion_problem: str = ""
    """Why the champion could not be compared: it has seen test rows, or cannot be scored."""

    split: str = ""
    """Id of the split by row hash that the test rows come from; "" for a window of time."""

    slices: tuple[Slice, ...] = ()
    """Metrics by slice; empty if the template asks for none."""

    calibration: tuple[CalibrationBin, ...] = ()
    """Calibration of the candidate; only for classes."""

    latency: Latency | None = None
    """Latency of the candidate; None if no gate asks for it."""

    candidate_bytes: int = 0
    """Size of the candidate's files."""

    confusion: Confusion | None = None
    """Confusion matrix of the candidate; None if numbers are predicted or there are more than 50 classes."""

    champion_latency: Latency | None = None
    """Latency of the champion; None if it was not measured."""

    columns: tuple[ColumnEvidence, ...] = ()
    """How each input column of the candidate relates to the target."""

    by_prediction: tuple[PredictionBin, ...] = ()
    """How far off the predicted numbers were, from the lowest to the highest; empty for classes."""

    test_rows: str = ""
    """Digest of the test rows: the same for every candidate that is judged on exactly these rows."""

    def __repr__(self) -> str:
        scored = {"candidate": self.candidate, "champion": self.champion, "baseline": self.baseline}
        found = [f"{who} {one.metrics[self.metric].estimate.value:.4g}" for who, one in scored.items() if one]
        return f"<evaluation: {self.metric} of {', '.join(found)} on {self.num_rows:,} rows>"

    @property
    def metrics(self) -> Mapping[str, Estimate]:
        """The candidate's metrics by id."""
        return {name: value.estimate for name, value in self.candidate.metrics.items()}
