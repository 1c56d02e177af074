"""The input columns as people read them: what the model leans on, and what the training rows contain."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.features.kind import ColumnStatistics
from raytemplate.data.quantiles import QuantileProfile
from raytemplate.data.statistics import CategoryProfile, NumberProfile, TimeProfile
from raytemplate.data.target_means import MISSING, TargetMeanProfile
from raytemplate.records.evaluated import ColumnEvidence, Estimate, Evaluation
from raytemplate.reports.layout import hanging
from raytemplate.reports.wording import metric_text, with_interval
from raytemplate.units import count, show_moment

MOST_DRAWN, _MOST_TOLD, _MOST_VALUES = 15, 5, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRow:
    """One input column in a table."""

    name: str
    """The column's name."""
    importance: str
    """How much of the metric is lost without it, with the interval."""
    explained: str
    """The share of the target that it explains alone, from 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileRow:
    """One feature of the training rows."""

    name: str
    """The column's name."""
    kind: str
    """The kind of feature, or "target"."""
    type: str
    """The column's type."""
    missing: str
    """The percentage of missing values; "" if there are none."""
    values: str
    """Its range or its most frequent values."""


def leant_on(evaluation: Evaluation) -> list[tuple[str, Estimate]]:
    """Columns with their permutation importance, greatest first; columns that were not measured are left out."""
    found = [(one.column, one.importance) for one in evaluation.columns if one.importance is not None]
    known = [(name, estimate) for name, estimate in found if math.isfinite(estimate.value)]
    return sorted(known, key=lambda one: -one[1].value)


def leans_text(evaluation: Evaluation) -> str:
    """ "leans on: distance 111.17, dest 6.53 (mae lost without each)": the first few whose interval is above 0."""
    certain = [f"{name} {metric_text(one.value)}" for name, one in leant_on(evaluation) if one.low > 0][:_MOST_TOLD]
    return hanging("  leans on: ", f"{', '.join(certain)} ({evaluation.metric} lost without each)") if certain else ""


def column_rows(evaluation: Evaluation) -> list[ColumnRow]:
    """Every input column, ordered by importance, then by what it explains alone."""
    rank = {name: index for index, (name, _) in enumerate(leant_on(evaluation))}
    ordered = sorted(evaluation.columns, key=lambda one: (rank.get(one.column, len(rank)), -(one.explained or 0.0)))
    return [ColumnRow(name=one.column, importance=_importance(one), explained=_share(one.explained)) for one in ordered]


def _importance(one: ColumnEvidence) -> str:
    return "not measured" if one.importance is None else with_interval(one.importance)


def _share(explained: float | None) -> str:
    return "not measured" if explained is None else f"{max(explained, 0.0):.2f}"


def profile_rows(train: FeatureStatistics | None) -> list[ProfileRow]:
    """Target and features with what is known about their values; empty if nothing was recorded."""
    if train is None:
        return []
    features = [(*key.partition(":")[::2], found) for key, found in train.columns.items()]
    return [
        ProfileRow(
            name=name, kind=kind, type=found.type, missing=_part(found.num_null, found.num_rows), values=_values(found)
        )
        for kind, name, found in [("target", train.target_column, train.target), *features]
    ]


def _part(some: int, all_of_them: int) -> str:
    if not some:
        return ""
    share = 100 * some / max(1, all_of_them)
    return f"{share:.1f} %" if share >= 0.1 else "under 0.1 %"


def _values(found: ColumnStatistics) -> str:
    match found:
        case NumberProfile():
            return _range(found.min, found.max) + f", mean {found.mean:,.4g}" if found.num_finite else ""
        case QuantileProfile():
            return _range(found.lowest()[0], found.lowest()[-1]) if found.bins else ""
        case TimeProfile():
            return f"{show_moment(found.min)} to {show_moment(found.max)}" if found.min and found.max else ""
        case CategoryProfile():
            return _most(found.counts, found.num_rows, over=bool(found.max_undercount))
        case TargetMeanProfile():
            counts = {name: sum(each) for name, each in found.counts.items() if name != MISSING}
            return _most(counts, found.num_rows)
        case _:
            return ""


def _range(low: float, high: float) -> str:
    return f"{low:,.6g} to {high:,.6g}"


def _most(counts: Mapping[str, int], num_rows: int, *, over: bool = False) -> str:
    """ "3 values: EWR 36 %, JFK 34 %, LGA 30 %" """
    most: Sequence[str] = sorted(counts, key=lambda name: -counts[name])[:_MOST_VALUES]
    shares = ", ".join(f"{name} {100 * counts[name] / max(1, num_rows):.0f} %" for name in most)
    return f"{'more than ' if over else ''}{count(len(counts), 'value')}{': ' if shares else ''}{shares}"
