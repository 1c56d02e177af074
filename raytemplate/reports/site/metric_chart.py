"""The test metric of a model's runs, oldest first: which candidates became champion, and how good they were."""

import math
from collections.abc import Collection, Sequence

from markupsafe import Markup

from raytemplate.reports.charts import WIDTH, filled, gutter, svg
from raytemplate.reports.history import RunRow
from raytemplate.reports.wording import metric_text
from raytemplate.units import show_moment

_MOST = 60
"""Newest runs that are drawn."""
_TOP, _BOTTOM = 12.0, 132.0


def metric_chart(rows: Sequence[RunRow], champions: Collection[str], links: str) -> Markup:
    """A dot a run, filled for one whose candidate became champion; nothing before two runs with the same metric.

    Args:
        rows: the model's runs, newest first.
        champions: ids of the runs whose candidate became champion.
        links: what the link to a run's page begins with; it ends with its id and ".html".
    """
    measured = [row for row in rows if row.value is not None and math.isfinite(row.value)]
    points = [(row, row.value) for row in measured if row.metric == measured[0].metric and row.value is not None]
    points = sorted(points[:_MOST], key=lambda point: (point[0].as_of, point[0].started))
    if len(points) < 2:
        return Markup("")
    low, high = min(value for _, value in points), max(value for _, value in points)
    left, right = gutter(metric_text(low), metric_text(high)) + 6, WIDTH - 8
    scale = (_BOTTOM - _TOP) / (high - low) if high > low else 0.0
    at = [
        (left + (right - left) * index / (len(points) - 1), _BOTTOM - scale * (value - low))
        for index, (_, value) in enumerate(points)
    ]
    drawn = [
        _scale(left, right, (low, high), (points[0][0], points[-1][0])),
        filled(
            '<polyline class="whisker" fill="none" opacity=".4" points="{}"/>',
            " ".join(f"{x:.1f},{y:.1f}" for x, y in at),
        ),
        *(
            _dot(row, value, spot, row.run_id in champions, links)
            for (row, value), spot in zip(points, at, strict=True)
        ),
    ]
    return svg(drawn, 168, f"test {points[0][0].metric} by run")


def _scale(left: float, right: float, ends: tuple[float, float], runs: tuple[RunRow, RunRow]) -> Markup:
    return filled(
        '<line class="axis" x1="{l:.0f}" x2="{r:.0f}" y1="{b}" y2="{b}"/>'
        '<text x="{t:.0f}" y="{u}" text-anchor="end">{high}</text>'
        '<text x="{t:.0f}" y="{d}" text-anchor="end">{low}</text><text class="small" x="{l:.0f}" y="160">{first}</text>'
        '<text class="small" x="{r:.0f}" y="160" text-anchor="end">{last}</text>',
        l=left,
        r=right,
        t=left - 8,
        b=_BOTTOM + 12,
        u=_TOP + 4,
        d=_BOTTOM + 4,
        high=metric_text(ends[1]),
        low=metric_text(ends[0]),
        first=show_moment(runs[0].as_of),
        last=show_moment(runs[1].as_of),
    )


def _dot(row: RunRow, value: float, at: tuple[float, float], champion: bool, links: str) -> Markup:
    return filled(
        '<a href="{links}{run}.html"><circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5">'
        "<title>{run}, as of {as_of}: {value}, {state}</title></circle></a>",
        links=links,
        run=row.run_id,
        kind="dot0" if champion else "t hollow",
        x=at[0],
        y=at[1],
        as_of=show_moment(row.as_of),
        value=metric_text(value),
        state=row.state,
    )
