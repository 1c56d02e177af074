"""A report's charts as inline SVG. Colours come from the page, so that they follow light mode, dark mode and print."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from raytemplate.records.evaluated import CalibrationBin, Estimate
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.run import StageTiming
from raytemplate.reports.wording import metric_text
from raytemplate.units import show_seconds

WIDTH = 360.0
"""Width of a drawing in units of its own; a phone shows one about as wide in pixels, so texts keep their size."""
_ROW = 40.0
_LABEL_AT = 14.0
"""Where the text above a row's bar or whisker stands, below the top of the row."""
_STRIP = 240.0
_SIDE = 260.0  # of the square in which probabilities are drawn
_PER_LETTER = 7.9
"""Width of the widest letters that numbers are written with; fonts differ, and no number may be cut off."""


def gutter(*texts: str) -> float:
    """The room that the longest of some numbers takes at the side of a drawing."""
    return 6 + _PER_LETTER * max(map(len, texts))


def intervals_chart(
    rows: Sequence[tuple[str, Estimate]],
    label: str = "deciding metric with its 95 % interval",
    *,
    same: bool = False,
) -> Markup:
    """A dot and its 95 % interval for each named estimate, on one scale. Nothing where a figure is not finite.

    Args:
        same: whether all are of one kind, and so of one colour.
    """
    numbers = [n for _, e in rows for n in (e.value, e.low, e.high)]
    if not numbers or not all(map(math.isfinite, numbers)):
        return Markup("")
    low, high = min(numbers), max(numbers)
    room = WIDTH - 18 - gutter(*(metric_text(e.value) for _, e in rows))

    def x(value: float) -> float:
        return 6 + room * (0.5 if high == low else (value - low) / (high - low))

    drawn = [
        _whisker(row, name, e, (x(e.low), x(e.value), x(e.high)), 0 if same else row % 3)
        for row, (name, e) in enumerate(rows)
    ]
    return svg(drawn, _ROW * len(rows), label)


def _whisker(row: int, name: str, estimate: Estimate, at: tuple[float, float, float], colour: int) -> Markup:
    y = _ROW * row + 26
    return row_label(row, name) + numbers(
        f'<line class="whisker" x1="{at[0]:.1f}" x2="{at[2]:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<circle class="dot{colour:d}" cx="{at[1]:.1f}" cy="{y:.1f}" r="5"/>'
        f'<text x="{at[2] + 10:.1f}" y="{y + 4:.1f}">{metric_text(estimate.value)}</text>'
    )


def row_label(row: int, name: str, *, height: float = _ROW) -> Markup:
    """What a row shows, above its bar or whisker."""
    return filled('<text x="0" y="{:.1f}">{}</text>', height * row + _LABEL_AT, fitted(name, 48))


def stages_chart(timings: Sequence[StageTiming]) -> Markup:
    """Two bars a stage: planned above actual."""
    most = max((max(t.planned_s, t.actual_s) for t in timings), default=0.0)
    if most <= 0:
        return Markup("")
    left = 72.0
    room = WIDTH - left - 60
    drawn: list[Markup] = []
    for row, timing in enumerate(timings):
        drawn.append(filled('<text x="0" y="{:.1f}">{}</text>', _ROW * row + 22, timing.stage))
        for below, kind, seconds in ((4, "planned", timing.planned_s), (18, "actual", timing.actual_s)):
            width, y = max(1.0, room * seconds / most), _ROW * row + below
            drawn.append(
                numbers(
                    f'<rect class="{kind}" x="{left:.0f}" y="{y:.1f}" width="{width:.1f}" height="12"/>'
                    f'<text class="small" x="{left + width + 5:.1f}" y="{y + 10:.1f}">{show_seconds(seconds)}</text>'
                )
            )
    return svg(drawn, _ROW * len(timings), "seconds planned and actual of each stage")


def curve(epochs: Sequence[EpochRecord], field: str, step: str) -> Markup:
    """`train_loss` or `validation` by epoch, with its first, last and best value's scale. Nothing before two epochs.

    Args:
        step: what an epoch is called.
    """
    points = [(e.epoch, float(getattr(e, field))) for e in epochs]
    points = [(epoch, value) for epoch, value in points if math.isfinite(value)]
    if len(points) < 2:
        return Markup("")
    low, high = min(v for _, v in points), max(v for _, v in points)
    first, last = points[0][0], points[-1][0]
    left, right = gutter(metric_text(low), metric_text(high)) + 6, WIDTH - 6
    scale = 0.0 if high == low else 130 / (high - low)

    def at(epoch: int, value: float) -> str:
        return f"{left + (right - left) * (epoch - first) / (last - first):.1f},{142 - (value - low) * scale:.1f}"

    shape = filled(
        '<line class="axis" x1="{l:.0f}" x2="{r:.0f}" y1="147" y2="147"/><polyline class="curve" points="{line}"/>'
        '<text x="{t:.0f}" y="16" text-anchor="end">{high}</text>'
        '<text x="{t:.0f}" y="146" text-anchor="end">{low}</text>'
        '<text x="{l:.0f}" y="164">{first}</text><text x="{r:.0f}" y="164" text-anchor="end">{last}</text>',
        line=" ".join(at(epoch, value) for epoch, value in points),
        l=left,
        r=right,
        t=left - 6,
        high=metric_text(high),
        low=metric_text(low),
        first=first,
        last=last,
    )
    return svg([shape], 170, f"{field} by {step}")


def strip(estimate: Estimate, other: float, middle: float, scale: tuple[float, float]) -> Markup:
    """An estimate and its interval on a scale shared with the strips above and below, clipped to that scale.

    Args:
        other: the value it is compared with, drawn as a second dot; NaN draws none.
        middle: position of a line through all strips.
    """
    low, high = scale

    def x(value: float) -> float:
        return 5 + (_STRIP - 10) * (min(max(value, low), high) - low) / (high - low)

    drawn = [numbers(f'<line class="axis" x1="{x(middle):.1f}" x2="{x(middle):.1f}" y1="0" y2="20"/>')]
    if math.isfinite(estimate.value):
        ends = f'x1="{x(estimate.low):.1f}" x2="{x(estimate.high):.1f}"'
        drawn.append(numbers(f'<line class="whisker" {ends} y1="10" y2="10"/>'))
    for kind, value in (("dot1", other), ("dot0", estimate.value)):
        if math.isfinite(value):
            drawn.append(numbers(f'<circle class="{kind}" cx="{x(value):.1f}" cy="10" r="4"/>'))
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
        filled(
            '<rect class="frame" x="40" y="10" width="{s}" height="{s}"/>'
            '<line class="whisker" x1="40" x2="{e}" y1="{b}" y2="10"/><polyline class="curve" points="{line}"/>'
            '<text x="34" y="20" text-anchor="end">1</text><text x="34" y="{b}" text-anchor="end">0</text>'
            '<text x="40" y="{t}">0</text><text x="{e}" y="{t}" text-anchor="end">1</text>',
            s=_SIDE,
            e=40 + _SIDE,
            b=10 + _SIDE,
            t=28 + _SIDE,
            line=line,
        )
    ]
    for one in bins:
        (x, y), radius = at(one), 2 + 6 * math.sqrt(one.num_rows / most)
        drawn.append(filled('<circle class="dot0" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>', x, y, radius))
    return svg(drawn, _SIDE + 34, "share that came true by probability given", width=_SIDE + 60)


def fitted(text: str, most: int) -> str:
    """The text, cut to at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def numbers(drawn: str) -> Markup:
    """A part of a drawing made of numbers and of words of ours alone. A text from elsewhere is never put in by hand:
    `Markup.format` escapes it, and takes ten times as long.
    """
    return Markup(drawn)


def filled(drawn: str, *values: object, **named: object) -> Markup:
    """A part of a drawing with values put in, text escaped: as `Markup.format` does it, in a tenth of the time."""
    return Markup(drawn.format(*map(_safe, values), **{name: _safe(value) for name, value in named.items()}))


def _safe(value: object) -> object:
    return str(escape(value)) if isinstance(value, str) else value


def svg(drawn: Sequence[Markup], height: float, label: str, *, width: float = WIDTH) -> Markup:
    """One drawing. One of the usual width fills a phone; another keeps its size: a wide one stands in a scroll box."""
    fixed = Markup("") if width == WIDTH else filled(' class="fixed" width="{:.0f}"', width)
    return filled(
        '<svg role="img" aria-label="{}" viewBox="0 0 {:.0f} {:.0f}"{}>{}</svg>',
        label,
        width,
        height,
        fixed,
        Markup("".join(drawn)),
    )
