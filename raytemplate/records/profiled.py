"""Records of raw profiles: what the columns of each window hold, in a bounded number of values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The target of a day, month or year."""

    num_rows: int
    """Rows."""

    num_known: int = 0
    """Rows with a number as target; two classes count as 0 and 1."""

    total: float = 0.0
    """The sum of these targets."""

    classes: Mapping[str, int] | None = field(default_factory=dict[str, int])
    """Class -> rows, with more than two classes; None if there are too many."""

    @property
    def mean(self) -> float | None:
        """The mean target; of two classes the share of the positive one. None if there are more classes, or no row."""
        return self.total / self.num_known if self.num_known else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Frequent:
    """A frequent value."""

    value: str
    """The value as text."""

    num_rows: int
    """Its rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnSummary:
    """A raw column."""

    type: str
    """The type as `contract.columns` names it; "null" if no row has a value, "other" for types without a name there."""

    num_rows: int
    """All rows."""

    num_null: int
    """Rows without a value."""

    num_distinct: int
    """Distinct values; 0 for the type "other"."""

    is_counted: bool
    """Whether all values were counted: distinct values, quantiles and the most frequent values are then exact."""

    min: float | None = None
    """Least number."""

    max: float | None = None
    """Greatest number."""

    mean: float | None = None
    """Mean of the finite numbers."""

    deviation: float | None = None
    """Standard deviation (population) of the finite numbers."""

    percentiles: tuple[float, ...] = ()
    """101 numbers: below the number at n are at most n % of the finite numbers. Empty if there are none."""

    oldest: datetime | None = None
    """Oldest time."""

    newest: datetime | None = None
    """Newest time."""

    most_frequent: tuple[Frequent, ...] = ()
    """The most frequent values, most frequent first; none with fewer than 10 rows."""

    shortest: int | None = None
    """Characters of the shortest text."""

    longest: int | None = None
    """Characters of the longest text."""

    mean_length: float | None = None
    """Mean number of characters of texts."""

    @property
    def share_null(self) -> float:
        """Share of the rows without a value, 0 to 1."""
        return self.num_null / self.num_rows if self.num_rows else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowProfile:
    """The raw profile of one window."""

    name: str
    """Name of the window."""

    start: datetime | None
    """First moment; None if it is no range of time."""

    end: datetime | None
    """First moment after it; None if it is no range of time."""

    num_rows: int
    """Rows in it that are profiled."""

    num_dropped: int
    """Rows besides these that `data.drop` took out."""

    columns: Mapping[str, ColumnSummary]
    """Column -> what it holds."""

    periods: Mapping[str, Period]
    """Day, month or year in UTC, such as "2013-01-31" -> its rows and their target; "" without times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataProfile:
    """The raw profiles of all windows."""

    windows: tuple[WindowProfile, ...]
    """The windows in their order."""

    target: str = ""
    """The target that the periods follow; "" for none."""

    task: str = ""
    """What the target is: "regression", "binary" or "multiclass"; "" for none."""
