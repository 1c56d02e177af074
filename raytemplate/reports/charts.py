"""A report's charts as inline SVG. Colours come from the page, so that they follow light mode, dark mode and print."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from raytemplate.records.evaluated import CalibrationBin, Estimate
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.run import StageTiming
from raytemplate.reports.wording import metric_text
from raytemplate.units import show_seconds

_WIDTH, _LEFT, _ROW = 640.0, 190.0, 34.0
_STRIP = 240.0
_SIDE = 260.0  # side of the square of the calibration chart


def intervals_chart(
    rows: Sequence[tuple[str, Estimate]],
    label: str = "deciding metric with its 95 % interval",
    *,
    same: bool = False,
) -> Markup:
    """A dot and its 95 % interval for each named estimate, on one scale. Empty if any figure is not finite.

    Args:
        same: whether all estimates are of one kind and so share one colour.
    """
    numbers = [n for _, e in rows for n in (e.value, e.low, e.high)]
    if not numbers or not all(map(math.isfinite, numbers)):
        return Markup("")
    low, high = min(numbers), max(numbers)
    room = _WIDTH - _LEFT - 80

    def x(value: float) -> float:
        return _LEFT + room * (0.5 if high == low else (value - low) / (high - low))

    drawn = [
        _whisker(row, name, e, (x(e.low), x(e.value), x(e.high)), 0 if same else row % 3)
        for row, (name, e) in enumerate(rows)
    ]
    return svg(drawn, _ROW * len(rows), label)


def _whisker(row: int, name: str, estimate: Estimate, at: tuple[float, float, float], colour: int) -> Markup:
    y = _ROW * (row + 0.5)
    return Markup(
        '<text x="0" y="{t:.1f}">{name}</text>'
        '<line class="whisker" x1="{a:.1f}" x2="{c:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        '<circle class="dot{colour}" cx="{b:.1f}" cy="{y:.1f}" r="5"/><text x="{v:.1f}" y="{t:.1f}">{value}</text>'
    ).format(
        t=y + 4,
        y=y,
        a=at[0],
        b=at[1],
        c=at[2],
        v=at[2] + 10,
        colour=colour,
        name=fitted(name, 27),
        value=metric_text(estimate.value),
    )


def stages_chart(timings: Sequence[StageTiming]) -> Markup:
    """Two bars for each stage: planned above actual."""
    most = max((max(t.planned_s, t.actual_s) for t in timings), default=0.0)
    if most <= 0:
        return Markup("")
    room = _WIDTH - _LEFT - 80
    drawn: list[Markup] = []
    for row, timing in enumerate(timings):
        drawn.append(Markup('<text x="0" y="{:.1f}">{}</text>').format(_ROW * row + 21, timing.stage))
        for y, kind, seconds in ((4, "planned", timing.planned_s), (17, "actual", timing.actual_s)):
            width = room * seconds / most
            drawn.append(
                Markup(
                    '<rect class="{kind}" x="{left}" y="{y:.1f}" width="{width:.1f}" height="11"/>'
                    '<text class="small" x="{end:.1f}" y="{text:.1f}">{seconds}</text>'
                ).format(
                    kind=kind,
                    left=_LEFT,
                    y=_ROW * row + y,
                    width=max(1.0, width),
                    end=_LEFT + width + 6,
                    text=_ROW * row + y + 9,
                    seconds=show_seconds(seconds),
                )
            )
    return svg(drawn, _ROW * len(timings), "seconds planned and actual of each stage")


def curve(epochs: Sequence[EpochRecord], field: str, step: str) -> Markup:
    """`train_loss` or `validation` by epoch, on a scale from the lowest to the highest value. Empty before two epochs.

    Args:
        step: what the family calls an epoch.
    """
    points = [(e.epoch, float(getattr(e, field))) for e in epochs]
    points = [(epoch, value) for epoch, value in points if math.isfinite(value)]
    if len(points) < 2:
        return Markup("")
    low, high = min(v for _, v in points), max(v for _, v in points)
    first, last = points[0][0], points[-1][0]
    scale = 0.0 if high == low else 130 / (high - low)
    line = " ".join(f"{60 + 560 * (e - first) / (last - first):.1f},{150 - (v - low) * scale:.1f}" for e, v in points)
    shape = Markup(
        '<line class="axis" x1="60" x2="620" y1="155" y2="155"/><polyline class="curve" points="{line}"/>'
        '<text x="50" y="24" text-anchor="end">{high}</text><text x="50" y="154" text-anchor="end">{low}</text>'
        '<text x="60" y="174">{first}</text><text x="620" y="174" text-anchor="end">{last}</text>'
    ).format(line=line, high=metric_text(high), low=metric_text(low), first=first, last=last)
    return svg([shape], 180, f"{field} by {step}")


def strip(estimate: Estimate, other: float, middle: float, scale: tuple[float, float]) -> Markup:
    """An estimate and its interval on a scale shared with the strips above and below, clipped to that scale.

    Args:
        other: the value it is compared with, drawn as a second dot; NaN draws none.
        middle: position of a line through all strips.
    """
    low, high = scale

    def x(value: float) -> float:
        return 5 + (_STRIP - 10) * (min(max(value, low), high) - low) / (high - low)

    drawn = [Markup('<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="20"/>').format(x=x(middle))]
    if math.isfinite(estimate.value):
        whisker = Markup('<line class="whisker" x1="{a:.1f}" x2="{b:.1f}" y1="10" y2="10"/>')
        drawn.append(whisker.format(a=x(estimate.low), b=x(estimate.high)))
    for kind, value in (("dot1", other), ("dot0", estimate.value)):
        if math.isfinite(value):
            drawn.append(Markup('<circle class="{}" cx="{:.1f}" cy="10" r="4"/>').format(kind, x(value)))
    return svg(drawn, 20, "on the scale of all slices", width=_STRIP)


def reliability_curve(bins: Sequence[CalibrationBin]) -> Markup:
    """Observed frequency by predicted probability; the circles grow with the rows, and on the diagonal both agree."""
    most = max((one.num_rows for one in bins), default=0)
    if not most:
        return Markup("")

    def at(one: CalibrationBin) -> tuple[float, float]:
        return 40 + _SIDE * one.probability, 10 + _SIDE * (1 - one.share)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, bins))
    drawn = [
        Markup(
            '<rect class="frame" x="40" y="10" width="{s}" height="{s}"/>'
            '<line class="whisker" x1="40" x2="{e}" y1="{b}" y2="10"/><polyline class="curve" points="{line}"/>'
            '<text x="34" y="20" text-anchor="end">1</text><text x="34" y="{b}" text-anchor="end">0</text>'
            '<text x="40" y="{t}">0</text><text x="{e}" y="{t}" text-anchor="end">1</text>'
        ).format(s=_SIDE, e=40 + _SIDE, b=10 + _SIDE, t=28 + _SIDE, line=line)
    ]
    for one in bins:
        (x, y), radius = at(one), 2 + 6 * math.sqrt(one.num_rows / most)
        drawn.append(Markup('<circle class="dot0" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(x, y, radius))
    return svg(drawn, _SIDE + 34, "share that came true by probability given", width=_SIDE + 60)


def fitted(text: str, most: int) -> str:
    """The text, cut to at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def svg(drawn: Sequence[Markup], height: float, label: str, *, width: float = _WIDTH) -> Markup:
    """One chart. A narrow one keeps its width, for use in a table or beside text; a wide one may exceed the page."""
    style = "" if width == _WIDTH else f"width:{width:.0f}px" if width < _WIDTH else "max-width:none"
    small = Markup(' style="{}"').format(style) if style else Markup("")
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {:.0f} {:.0f}"{}>{}</svg>').format(
        label, width, height, small, Markup("").join(drawn)
    )
