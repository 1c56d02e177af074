"""Time and cost of runs by calendar month, planned against actual."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from raytemplate.reports.charts import WIDTH, filled, gutter, svg
from raytemplate.reports.history import RunRow
from raytemplate.reports.wording import about_seconds
from raytemplate.units import show_usd

_SHOWN = 12
"""Calendar months that are drawn; a table holds them all."""
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HEIGHT = 110.0
_STRIP_WIDTH, _STRIP_HEIGHT = 120.0, 28.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """What the runs took that began in one calendar month (UTC) and have ended, in whichever way."""

    year: int
    month: int
    """1 to 12."""
    num_runs: int = 0
    planned_s: float = 0.0
    actual_s: float = 0.0
    planned_usd: float = 0.0
    actual_usd: float = 0.0

    @property
    def name(self) -> str:
        """ "Sep 2026" """
        return f"{_NAMES[self.month - 1]} {self.year}"

    @property
    def time(self) -> str:
        """ "12m of 10m": actual of planned."""
        return f"{about_seconds(self.actual_s)} of {about_seconds(self.planned_s)}"

    @property
    def cost(self) -> str:
        """ "0.12 of 0.10 USD": actual of planned."""
        return f"{show_usd(self.actual_usd)} of {show_usd(self.planned_usd)} USD"


def by_month(rows: Iterable[RunRow]) -> tuple[Month, ...]:
    """The months in which runs began that have ended, oldest first; a month without any is left out."""
    found: dict[tuple[int, int], list[RunRow]] = {}
    for row in rows:
        if row.cost_usd is not None:  # it has ended: what one in progress will take is not known
            found.setdefault((row.started.year, row.started.month), []).append(row)
    return tuple(
        Month(
            year=year,
            month=month,
            num_runs=len(runs),
            planned_s=sum(run.planned_s for run in runs),
            actual_s=sum(run.wall_clock_s for run in runs),
            planned_usd=sum(run.planned_usd for run in runs),
            actual_usd=sum(run.cost_usd or 0.0 for run in runs),
        )
        for (year, month), runs in sorted(found.items())
    )


def time_chart(months: Sequence[Month]) -> Markup:
    """Two bars a month for its seconds."""
    return _chart([(m, m.planned_s, m.actual_s) for m in _last(months)], about_seconds, "time by month")


def cost_chart(months: Sequence[Month]) -> Markup:
    """Two bars a month for its US dollars; empty if no run was planned to cost anything or did."""
    return _chart([(m, m.planned_usd, m.actual_usd) for m in _last(months)], show_usd, "cost by month")


def time_strip(months: Sequence[Month]) -> Markup:
    """The same as `time_chart`, small and without labels."""
    return _strip([(m.planned_s, m.actual_s) for m in _last(months)], "time by month")


def cost_strip(months: Sequence[Month]) -> Markup:
    """The same as `cost_chart`, small and without labels."""
    return _strip([(m.planned_usd, m.actual_usd) for m in _last(months)], "cost by month")


def _last(months: Sequence[Month]) -> list[Month]:
    """The calendar months up to the newest, also those without a run."""
    if not months:
        return []
    known = {(m.year, m.month): m for m in months}
    newest = months[-1].year * 12 + months[-1].month - 1
    first = max(newest - _SHOWN + 1, months[0].year * 12 + months[0].month - 1)
    calendar = [(number // 12, number % 12 + 1) for number in range(first, newest + 1)]
    return [known.get(key) or Month(year=key[0], month=key[1]) for key in calendar]


def _chart(bars: Sequence[tuple[Month, float, float]], text: Callable[[float], str], label: str) -> Markup:
    most = max((max(planned, actual) for _, planned, actual in bars), default=0.0)
    if most <= 0:
        return Markup("")
    left = gutter(text(most))
    step = (WIDTH - left) / max(4, len(bars))
    drawn = [
        filled(
            '<line class="axis" x1="{l:.0f}" x2="{r:.0f}" y1="{b:.0f}" y2="{b:.0f}"/>'
            '<text class="small" x="{t:.0f}" y="12" text-anchor="end">{most}</text>',
            l=left,
            r=WIDTH,
            b=_HEIGHT,
            t=left - 6,
            most=text(most),
        )
    ]
    for index, (month, planned, actual) in enumerate(bars):
        x = left + step * index + 2
        drawn += _pair(x, (step - 6) / 2, (planned, actual), _HEIGHT / most, _HEIGHT, f"{month.name}: {text(actual)}")
        drawn.append(
            filled(
                '<text class="small" x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>',
                x + step / 2 - 3,
                _HEIGHT + 15,
                _NAMES[month.month - 1],
            )
        )
        if index == 0 or month.month == 1:
            drawn.append(
                filled(
                    '<text class="small" x="{:.1f}" y="{:.0f}" text-anchor="middle">{}</text>',
                    x + step / 2 - 3,
                    _HEIGHT + 29,
                    month.year,
                )
            )
    return svg(drawn, _HEIGHT + 34, label)


def _strip(bars: Sequence[tuple[float, float]], label: str) -> Markup:
    most = max((max(pair) for pair in bars), default=0.0)
    if most <= 0:
        return Markup("")
    step, height = _STRIP_WIDTH / _SHOWN, _STRIP_HEIGHT
    drawn = [one for index, pair in enumerate(bars) for one in _pair(step * index, 4, pair, height / most, height, "")]
    return svg(drawn, height, label, width=_STRIP_WIDTH)


def _pair(x: float, width: float, pair: tuple[float, float], scale: float, bottom: float, title: str) -> list[Markup]:
    """The bars for planned and actual beside each other."""
    bar = '<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}">{said}</rect>'
    said = filled("<title>{}</title>", title) if title else ""
    return [
        filled(bar, kind=kind, x=x + width * place, y=bottom - scale * value, w=width, h=scale * value, said=said)
        for place, (kind, value) in enumerate(zip(("planned", "actual"), pair, strict=True))
    ]
