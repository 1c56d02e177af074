"""Charts of predicted numbers: against the actual ones, and how far off they were."""

from collections.abc import Sequence

from markupsafe import Markup

from raytemplate.records.evaluated import PredictionBin
from raytemplate.reports.charts import WIDTH, filled, gutter, svg
from raytemplate.reports.wording import metric_text

_RIGHT, _TOP, _BOTTOM = WIDTH - 2, 6.0, 186.0
_OUTER, _INNER, _MIDDLE = (0, 4), (1, 3), 2  # of a bin's five quantiles


def against_chart(bins: Sequence[PredictionBin]) -> Markup:
    """Actual by predicted: median, middle half and middle nine tenths of each bin. Empty for fewer than two bins."""
    quantiles = [tuple(one.predicted + r for r in one.residuals) for one in bins]
    ends = (bins[0].predicted, bins[-1].predicted) if bins else (0.0, 0.0)
    return _bands(bins, quantiles, ends, "actual by predicted")


def residual_chart(bins: Sequence[PredictionBin]) -> Markup:
    """Actual minus predicted, by predicted, drawn the same way."""
    return _bands(bins, [one.residuals for one in bins], (0.0, 0.0), "residual by predicted")


def _bands(
    bins: Sequence[PredictionBin],
    quantiles: Sequence[tuple[float, ...]],
    right: tuple[float, float],
    label: str,
) -> Markup:
    """Bands of quantiles over the predictions, with a line for predictions without error.

    Args:
        right: height of that line at the first and the last bin.
    """
    if len(bins) < 2:
        return Markup("")
    across = [one.predicted for one in bins]
    numbers = [*right, *(q for each in quantiles for q in each)]
    low, high = min(numbers), max(numbers)
    left = gutter(metric_text(low), metric_text(high))

    def at(x: float, y: float) -> str:
        up = (y - low) / (high - low) if high > low else 0.5
        along = (x - across[0]) / (across[-1] - across[0])
        return f"{left + (_RIGHT - left) * along:.1f},{_BOTTOM - (_BOTTOM - _TOP) * up:.1f}"

    def line(level: int) -> list[str]:
        return [at(x, each[level]) for x, each in zip(across, quantiles, strict=True)]

    drawn = [
        filled('<polygon class="band" points="{}"/>', " ".join([*line(a), *reversed(line(b))]))
        for a, b in (_OUTER, _INNER)
    ]
    drawn.append(
        filled(
            '<rect class="frame" x="{l}" y="{t}" width="{w}" height="{h}"/>'
            '<polyline class="whisker" fill="none" points="{right}"/><polyline class="curve" points="{middle}"/>'
            '<text x="{e}" y="{t2}" text-anchor="end">{high}</text><text x="{e}" y="{b}" text-anchor="end">{low}</text>'
            '<text x="{l}" y="{u}">{first}</text><text x="{r}" y="{u}" text-anchor="end">{last}</text>',
            l=f"{left:.0f}",
            t=_TOP,
            w=f"{_RIGHT - left:.0f}",
            h=_BOTTOM - _TOP,
            e=f"{left - 6:.0f}",
            t2=_TOP + 11,
            b=_BOTTOM,
            u=_BOTTOM + 18,
            r=_RIGHT,
            right=" ".join((at(across[0], right[0]), at(across[-1], right[1]))),
            middle=" ".join(line(_MIDDLE)),
            high=metric_text(high),
            low=metric_text(low),
            first=metric_text(across[0]),
            last=metric_text(across[-1]),
        )
    )
    return svg(drawn, _BOTTOM + 26, label)
