"""Drawings of a run's raw profile: a histogram for each column, and the target by time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from raytemplate.records.profiled import ColumnSummary, DataProfile, Period, WindowProfile
from raytemplate.reports.charts import WIDTH, gutter, numbers, svg
from raytemplate.reports.profile_shown import values_text
from raytemplate.reports.wording import metric_text

_NUM_BARS = 24
_FEW = 12
"""Most distinct values of which each has a bar of its own."""
_WIDE, _HIGH = 150.0, 34.0
_TOP, _BOTTOM = 6.0, 140.0
_MOST_CLASSES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDrawn:
    """One raw column in the report."""

    name: str
    """The column's name."""
    type: str
    """Its type in the train window."""
    histogram: Markup
    """Its values in the train window; empty if nothing can be drawn."""
    missing: str
    """The percentage of missing values in each window, such as "15.2 / 14.6 / 15.0 %"; "" if there are none."""
    values: str
    """Its range and quartiles, or its most frequent values, in the train window."""


def columns_drawn(profile: DataProfile) -> list[ColumnDrawn]:
    """Every raw column, in the order in which they are read."""
    train = profile.windows[0]
    return [
        ColumnDrawn(
            name=name,
            type=column.type,
            histogram=histogram(column, name),
            missing=_missing([window.columns[name].share_null for window in profile.windows]),
            values=values_text(column),
        )
        for name, column in train.columns.items()
    ]


def _missing(shares: Sequence[float]) -> str:
    if not any(shares):
        return ""
    texts = ("0" if not share else f"{100 * share:.1f}" if share >= 0.001 else "<0.1" for share in shares)
    return f"{' / '.join(texts)} %"


def histogram(column: ColumnSummary, name: str) -> Markup:
    """Bars of a column's values: of each of a few values, of ranges of numbers from the 1st to the 99th percentile."""
    if column.num_distinct <= _FEW or not column.percentiles:
        if not column.most_frequent or column.oldest:
            return Markup("")
        heights = [float(one.num_rows) for one in column.most_frequent[:_NUM_BARS]]
        if column.percentiles:  # few numbers: by size
            heights = [float(one.num_rows) for one in sorted(column.most_frequent, key=lambda one: float(one.value))]
        return _bars(heights, f"rows of the most frequent values of {name}")
    shares = _shares(column.percentiles[1:100])
    return (
        _bars(shares, f"rows of {name} from {column.percentiles[1]:g} to {column.percentiles[99]:g}")
        if shares
        else Markup("")
    )


def _shares(ranks: Sequence[float]) -> list[float]:
    """Shares of the rows in bars of equal width. Ranks are a percent apart, with rows spread evenly between them."""
    low, high = ranks[0], ranks[-1]
    if not low < high:
        return []
    shares, width = [0.0] * _NUM_BARS, (high - low) / _NUM_BARS
    for a, b in pairwise(ranks):
        first, last = _bar(a, low, width), _bar(b, low, width)
        for bar in range(first, last + 1):
            inside = min(b, low + (bar + 1) * width) - max(a, low + bar * width)
            shares[bar] += inside / (b - a) if b > a else 1.0
    return shares


def _bar(value: float, low: float, width: float) -> int:
    return min(_NUM_BARS - 1, int((value - low) / width))


def _bars(heights: Sequence[float], label: str) -> Markup:
    most = max(heights)
    step = _WIDE / max(len(heights), _FEW)
    drawn = [
        numbers(
            f'<rect class="actual" x="{step * at:.1f}" y="{_HIGH - _HIGH * share / most:.1f}" '
            f'width="{max(1.0, step - 1):.1f}" height="{_HIGH * share / most:.1f}"/>'
        )
        for at, share in enumerate(heights)
        if share > 0
    ]
    axis = numbers(f'<line class="axis" x1="0" x2="{_WIDE:.0f}" y1="{_HIGH:.0f}" y2="{_HIGH:.0f}"/>')
    return svg([*drawn, axis], _HIGH + 1, label, width=_WIDE)


def target_by_time(profile: DataProfile) -> Markup:
    """The mean target, or the share of the most frequent classes, by day, month or year, in all windows. Lines mark
    where a window begins. Nothing is drawn for fewer than two periods."""
    found = [(name, window, period) for window in profile.windows for name, period in _in_order(window)]
    lines = _lines([period for _, _, period in found])
    values = [value for line in lines for value in line if value is not None]
    if len(found) < 2 or not values:
        return Markup("")
    low, high = min(values), max(values)
    left, right = gutter(metric_text(low), metric_text(high)) + 6, WIDTH - 6

    def x(at: int) -> float:
        return left + (right - left) * at / (len(found) - 1)

    def y(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (0.5 if high == low else (value - low) / (high - low))

    starts = [at for at in range(1, len(found)) if found[at][1] is not found[at - 1][1]]
    drawn = [
        numbers(f'<line class="axis" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{_TOP}" y2="{_BOTTOM}"/>') for at in starts
    ]
    for line, kind in zip(lines, ("curve", "curve second", "curve third"), strict=False):
        points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in enumerate(line) if value is not None)
        drawn.append(numbers(f'<polyline class="{kind}" points="{points}"/>'))
    drawn.append(
        Markup(
            '<text x="{t:.0f}" y="16" text-anchor="end">{high}</text>'
            '<text x="{t:.0f}" y="{b:.0f}" text-anchor="end">{low}</text>'
            '<text x="{l:.0f}" y="{u:.0f}">{first}</text><text x="{r:.0f}" y="{u:.0f}" text-anchor="end">{last}</text>'
        ).format(
            t=left - 6, b=_BOTTOM, l=left, r=right, u=_BOTTOM + 18,
            high=metric_text(high), low=metric_text(low), first=found[0][0], last=found[-1][0],
        )
    )  # fmt: skip
    return svg(drawn, _BOTTOM + 24, "the target by time")


def _in_order(window: WindowProfile) -> list[tuple[str, Period]]:
    return [(name, period) for name, period in sorted(window.periods.items()) if name]


def drawn_classes(profile: DataProfile) -> tuple[str, ...]:
    """The classes whose shares `target_by_time` draws, most frequent first; empty if it draws a mean."""
    return _classes([period for window in profile.windows for _, period in _in_order(window)])


def _classes(periods: Sequence[Period]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for period in periods:
        for name, rows in (period.classes or {}).items():
            counts[name] = counts.get(name, 0) + rows
    return tuple(sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_CLASSES])


def _lines(periods: Sequence[Period]) -> list[list[float | None]]:
    classes = _classes(periods)
    if not classes:
        return [[period.mean if period.mean is not None and math.isfinite(period.mean) else None for period in periods]]
    return [[(period.classes or {}).get(name, 0) / max(1, period.num_rows) for period in periods] for name in classes]
