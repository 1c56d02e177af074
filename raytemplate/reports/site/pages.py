"""The pages of a site as HTML. The same view gives the same bytes, so that what has not changed is not written."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment

from raytemplate.reports.history import MOVES, age_text
from raytemplate.reports.layout import sentences
from raytemplate.reports.site import names
from raytemplate.reports.site.metric_chart import metric_chart
from raytemplate.reports.site.months import cost_chart, cost_strip, time_chart, time_strip
from raytemplate.reports.site.views import IndexView, LedgerView, ModelDetails, ModelEntry
from raytemplate.reports.templates import templates
from raytemplate.reports.version_shown import reigns
from raytemplate.reports.wording import about_seconds, metric_text, short
from raytemplate.units import show_moment, show_usd

_NEWEST_RUNS, _HELD_SHOWN = 20, 20
_FILTERS: Mapping[str, Callable[..., Any]] = {
    "about_seconds": about_seconds, "metric_text": metric_text, "short": short, "moment": show_moment, "usd": show_usd,
    "sentences": sentences, "run_link": names.run_link, "model_link": names.model_link,
}  # fmt: skip


def index_page(view: IndexView) -> bytes:
    """All models, those that need a person first, with the held runs above them all."""
    held = sorted((one for entry in view.models for one in entry.held), key=lambda one: one.run.started, reverse=True)
    runs = sorted((run for entry in view.models for run in entry.runs), key=lambda run: run.started, reverse=True)
    costs = any(month.actual_usd or month.planned_usd for entry in view.models for month in entry.months)
    return _render(
        "index.html",
        view=view,
        held=held[:_HELD_SHOWN],
        num_held=len(held),
        runs=runs[:_NEWEST_RUNS],
        num_runs=len(runs),
        costs=costs,
        age=lambda moment: age_text(moment, view.now),
        time_strip=time_strip,
        cost_strip=cost_strip,
    )


def model_page(entry: ModelEntry, details: ModelDetails) -> bytes:
    """One model: its champion, versions, runs, months and gates. It holds no age, and so stays as it is for days."""
    moves = [event for event in details.events if event.event in MOVES]
    return _render(
        "model.html",
        entry=entry,
        details=details,
        by_run={row.run_id: row for row in entry.runs},
        reigned={version.version: _reigned(details, version.version) for version in details.versions},
        metrics=metric_chart(entry.runs, {event.run_id for event in moves}, f"../{names.RUNS}"),
        time=time_chart(entry.months),
        cost=cost_chart(entry.months),
    )


def ledger_page(view: LedgerView) -> bytes:
    """Every event of the ledger."""
    return _render("ledger.html", view=view)


def damaged_page(run_id: str, problem: str) -> bytes:
    """A run that cannot be read."""
    return _render("damaged.html", run_id=run_id, problem=problem)


def _reigned(details: ModelDetails, version: int) -> list[tuple[datetime, datetime | None]]:
    return [(reign.began.at, reign.ended) for reign in reigns(details.events, version)]


@cache
def _templates() -> Environment:
    found = templates()
    found.filters.update(_FILTERS)
    return found


def _render(name: str, **values: Any) -> bytes:
    return _templates().get_template(f"site/{name}").render(**values).encode()
