"""Charts of a sweep: its trials in order, their values side by side, and which fields distinguish the good ones."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from raytemplate.loss import loss
from raytemplate.records.codec import Settings
from raytemplate.records.swept import TrialRecord
from raytemplate.reports.charts import WIDTH, fitted, gutter, row_label, svg
from raytemplate.reports.resolved import value_text
from raytemplate.reports.trials_shown import best_first
from raytemplate.reports.wording import metric_text
from raytemplate.tuning.draws import parse_draw
from raytemplate.tuning.space import Knob

# Distinguished by shape, for grey printouts and colour-blind readers: dot, triangle, square, cross, plus.
_SHAPES = {
    "finished": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "pruned": "m-4.5-3.5h9l-4.5 8z", "cut": "m-3.5-3.5h7v7h-7z",
    "diverged": "m-4-4l8 8m0-8l-8 8", "failed": "m-5 0h10m-5-5v10",
}  # fmt: skip
_FIRST, _RIGHT, _TOP, _BOTTOM = 94.0, WIDTH - 6, 14.0, 180.0
_LANE = 22.0
"""Height of the lane below a scale for trials that are not on it."""
_MOST_MARKS, MOST_LINES, MOST_AXES = 2000, 150, 9
_GAP = 104.0
_BAR = 38.0
_HIGH, _LOW = 50.0, 216.0
"""Ends of the vertical axes."""
_FAR = 3.0
"""Multiple of the median trial's distance from the best beyond which trials are drawn on the edge of the scale."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of validation metrics that is drawn to scale."""

    best: float
    """The best metric of all."""
    worst: float
    """The worst metric that is drawn to scale."""
    num_worse: int
    """Trials that are even worse and are drawn on the edge."""

    def share(self, value: float) -> float:
        """0 for the best, 1 for the worst."""
        if self.best == self.worst:
            return 0.5
        return min(1.0, max(0.0, (value - self.best) / (self.worst - self.best)))


def metric_scale(trials: Sequence[TrialRecord], *, higher_is_better: bool) -> Scale | None:
    """The scale of the trials that may win; None if there are none."""
    values = [one.validation for one in trials if one.is_promotable and one.validation is not None]
    losses = sorted(loss(value, higher_is_better=higher_is_better) for value in values if math.isfinite(value))
    if not losses:
        return None
    best = losses[0]
    edge = best + _FAR * (statistics.median(losses) - best)
    worst = max((one for one in losses if one <= edge), default=best) if edge > best else losses[-1]
    ends = [loss(one, higher_is_better=higher_is_better) for one in (best, worst)]
    return Scale(ends[0], ends[1], sum(one > worst for one in losses))


def history_chart(trials: Sequence[TrialRecord], best: TrialRecord | None, *, higher_is_better: bool) -> Markup:
    """Each trial's validation metric by its number, with the best so far as a line, a ring around the winner and a
    legend of the states.
    """
    scale = metric_scale(trials, higher_is_better=higher_is_better)
    if scale is None:
        return Markup("")
    ordered = sorted(trials, key=lambda one: one.number)
    most = max(2, ordered[-1].number)
    top, bottom = (_TOP, _BOTTOM) if higher_is_better else (_BOTTOM, _TOP)  # heights of the best and the worst

    levels = ticks(scale.best, scale.worst)
    left = gutter(*(f"{value:,g}" for value in levels))

    def x(number: int) -> float:
        return left + 8 + (_RIGHT - left - 16) * (number - 1) / (most - 1)

    def y(one: TrialRecord) -> float:
        return top + (bottom - top) * scale.share(one.validation or 0.0) if one.is_promotable else _BOTTOM + _LANE

    line, better = _best_so_far(ordered, x, y, higher_is_better=higher_is_better)
    every = math.ceil(len(ordered) / _MOST_MARKS)
    marks = [
        _mark(one, x(one.number), y(one))
        for index, one in enumerate(ordered)
        if index % every == 0 or one.number in better
    ]
    if best is not None:
        marks.append(Markup('<circle class="ring" cx="{:.1f}" cy="{:.1f}" r="8"/>').format(x(best.number), y(best)))
    axis = Markup(
        '<line class="axis" x1="{l}" x2="{r}" y1="{b}" y2="{b}"/>'
        '<line class="axis" x1="{l}" x2="{l}" y1="{t}" y2="{b}"/>'
        '<text class="small" x="{r}" y="{n}" text-anchor="end">trial {most}</text>'
        '<text class="small" x="{l}" y="{n}">trial 1</text>'
    ).format(l=left, r=_RIGHT, t=_TOP - 8, b=_BOTTOM + 8, n=_BOTTOM + _LANE + 22, most=ordered[-1].number)
    grid = [_grid(value, left, top + (bottom - top) * scale.share(value)) for value in levels]
    return svg([*grid, axis, line, *marks, _legend(ordered)], 276, "validation metric by trial")


def _best_so_far(
    ordered: Sequence[TrialRecord],
    x: Callable[[int], float],
    y: Callable[[TrialRecord], float],
    *,
    higher_is_better: bool,
) -> tuple[Markup, set[int]]:
    """A step line of the best metric so far, and the trials at which it steps."""
    best, better, path = math.inf, set[int](), ""
    for one in ordered:
        value = loss(one.validation or 0.0, higher_is_better=higher_is_better)
        if one.is_promotable and value < best:
            best = value
            path += f"{'H' if better else 'M'}{x(one.number):.1f}{'V' if better else ' '}{y(one):.1f}"
            better.add(one.number)
    return Markup('<path class="curve" d="{}H{}"/>').format(path, _RIGHT), better


def _mark(one: TrialRecord, x: float, y: float) -> Markup:
    return Markup('<path class="t {state}" d="M{x:.1f} {y:.1f}{shape}"><title>{said}</title></path>').format(
        state=one.state, x=x, y=y, shape=_SHAPES[one.state], said=_said(one)
    )


def _said(one: TrialRecord) -> str:
    value = "" if one.validation is None else f" {metric_text(one.validation)}"
    return f"trial {one.number}, {one.state}{value}"


def _grid(value: float, left: float, y: float) -> Markup:
    return Markup(
        '<line class="axis" x1="{l}" x2="{r}" y1="{y:.1f}" y2="{y:.1f}"/>'
        '<text class="small" x="{t}" y="{b:.1f}" text-anchor="end">{value}</text>'
    ).format(l=left, r=_RIGHT, t=left - 6, y=y, b=y + 4, value=f"{value:,g}")


def _legend(trials: Sequence[TrialRecord]) -> Markup:
    """Two lines of three, which a phone has the width for."""
    counted = {state: sum(one.state == state for one in trials) for state in _SHAPES}
    entries = [(Markup('class="curve" d="M0 0h18"'), "best so far")]
    entries += [
        (Markup('class="t {}" d="M6 0{}"').format(state, _SHAPES[state]), f"{number:,} {state}")
        for state, number in counted.items()
        if number
    ]
    return Markup("").join(
        Markup(
            '<g transform="translate({:.0f} {:.0f})"><path {}/><text class="small" x="{}" y="4">{}</text></g>'
        ).format(122 * (index % 3), 246 + 20 * (index // 3), mark, 24 if index == 0 else 18, text)
        for index, (mark, text) in enumerate(entries)
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    """One vertical axis."""

    name: str
    """The field, or the metric."""
    height: Callable[[TrialRecord], float]
    """Gives the height of a trial's value."""
    marks: tuple[tuple[float, str], ...]
    """Heights and texts of the tick labels."""


def coordinates_chart(
    space: Sequence[Knob],
    trials: Sequence[TrialRecord],
    best: TrialRecord | None,
    metric: str,
    *,
    higher_is_better: bool,
) -> Markup:
    """A line for each trial through its values to its validation metric: darker is better, the winner is on top."""
    scale = metric_scale(trials, higher_is_better=higher_is_better)
    if scale is None:
        return Markup("")
    axes = [_field_axis(knob) for knob in space[:MOST_AXES]] + [_metric_axis(metric, scale)]
    gap = max(_GAP, 520.0 / (len(axes) - 1))
    lines = [one for one in best_first(trials, higher_is_better=higher_is_better) if one != best][:MOST_LINES]
    drawn = [_line(one, axes, gap, index / max(1, len(lines))) for index, one in enumerate(lines)]
    drawn.reverse()
    if best is not None:
        drawn.append(_line(best, axes, gap, None))
    drawn += [_axis(axis, _FIRST + gap * index) for index, axis in enumerate(axes)]
    width = _FIRST + gap * (len(axes) - 1) + 60
    return svg(drawn, 250, "values of the trials and what became of them", width=width)


def _y(share: float) -> float:
    return _LOW - (_LOW - _HIGH) * share


def _field_axis(knob: Knob) -> _Axis:
    draw = parse_draw(knob.draw)
    if draw.values:
        spots = {(type(one), one): _y((index + 0.5) / len(draw.values)) for index, one in enumerate(draw.values)}
        marks = _apart(tuple((y, fitted(value_text(one), 13)) for (_, one), y in spots.items()))

        def spot(values: Settings) -> float:
            return spots[type(values[knob.name]), values[knob.name]]
    else:
        log = draw.kind == "loguniform"
        low, high = (math.log10(draw.low), math.log10(draw.high)) if log else (draw.low, draw.high)

        def at(value: float) -> float:
            return _y(((math.log10(value) if log else value) - low) / (high - low))

        def spot(values: Settings) -> float:
            return at(float(values[knob.name]))

        written = {draw.low, draw.high, *(powers(low, high) if log else ticks(low, high))}
        marks = _apart(tuple((at(one), f"{one:g}") for one in (draw.low, draw.high, *sorted(written))))
    lane = _LOW + _LANE
    nothing = ((lane, "not drawn"),) if knob.when else ()
    return _Axis(knob.name, lambda one: spot(one.values) if knob.name in one.values else lane, (*marks, *nothing))


def _metric_axis(metric: str, scale: Scale) -> _Axis:
    marks = [(_y(1 - scale.share(one)), metric_text(one)) for one in (scale.best, scale.worst)]
    marks += [(_y(1 - scale.share(one)), f"{one:,g}") for one in ticks(scale.best, scale.worst)]
    lane = _LOW + _LANE
    return _Axis(
        f"validation.{metric}",
        lambda one: _y(1 - scale.share(one.validation or 0.0)) if one.is_promotable else lane,
        _apart(tuple(marks)),
    )


def _apart(marks: tuple[tuple[float, str], ...]) -> tuple[tuple[float, str], ...]:
    """The marks without those that would overlap an earlier one."""
    kept: list[tuple[float, str]] = []
    for y, text in marks:
        if all(abs(y - other) >= 13 for other, _ in kept):
            kept.append((y, text))
    return tuple(kept)


def _line(one: TrialRecord, axes: Sequence[_Axis], gap: float, rank: float | None) -> Markup:
    """One trial's line; `rank` is 0 for the best and grows towards 1; None for the winner."""
    points = [(_FIRST + gap * index, axis.height(one)) for index, axis in enumerate(axes)]
    kind = "won" if rank is None else "run" if one.is_promotable else "run lost"
    opacity = 1.0 if rank is None or not one.is_promotable else 0.1 + 0.75 * (1 - rank) ** 2
    drawn = Markup('<polyline class="{}" opacity="{:.2f}" points="{}"><title>{}</title></polyline>').format(
        kind, opacity, " ".join(f"{x:.1f},{y:.1f}" for x, y in points), _said(one)
    )
    if rank is not None:
        return drawn
    dots = [Markup('<circle class="dot1" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y) for x, y in points]
    return drawn + Markup("").join(dots)


def _axis(axis: _Axis, x: float) -> Markup:
    group, _, name = axis.name.rpartition(".")
    head = Markup(
        '<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{h}" y2="{l}"/><text class="small" x="{x:.1f}" y="16" '
        'text-anchor="middle">{group}</text><text x="{x:.1f}" y="32" text-anchor="middle">{name}</text>'
    ).format(x=x, h=_HIGH, l=_LOW, group=group, name=fitted(name, 12))
    marks = [
        Markup('<text class="small over" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>').format(x - 7, y + 4, text)
        for y, text in axis.marks
    ]
    return head + Markup("").join(marks)


def importance_chart(shares: Sequence[tuple[str, float]]) -> Markup:
    """A bar for each field, as long as its share."""
    most = max((share for _, share in shares), default=0.0)
    if most <= 0:
        return Markup("")
    drawn = [
        row_label(row, name, height=_BAR)
        + Markup(
            '<rect class="actual" x="0" y="{y:.1f}" width="{w:.1f}" height="12"/>'
            '<text class="small" x="{e:.1f}" y="{t:.1f}">{share:.0f} %</text>'
        ).format(
            y=_BAR * row + 19,
            t=_BAR * row + 29,
            w=max(1.0, 310 * share / most),
            e=8 + 310 * share / most,
            share=100 * share,
        )
        for row, (name, share) in enumerate(shares)
    ]
    return svg(drawn, _BAR * len(shares), "importance of the searched fields")


def ticks(one: float, other: float) -> list[float]:
    """Three to six round numbers between two numbers."""
    low, high = min(one, other), max(one, other)
    if not low < high:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * n for n in (1, 2, 5, 10) if (high - low) / (power * n) <= 5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def powers(low: float, high: float) -> list[float]:
    """At most six powers of ten between two, which are given by their exponents."""
    found = [10.0**n for n in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    return found[:: math.ceil(len(found) / 6) or 1]
