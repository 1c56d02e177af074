"""Lists of runs and models: what happened, newest first as the caller gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from raytemplate.records.run import State
from raytemplate.reports.layout import table
from raytemplate.reports.wording import about_seconds, metric_text, short
from raytemplate.units import parse_span, show_moment, show_usd

MOVES = ("promoted", "rolled-back")
"""Events that make a version the champion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One run in the list. `value` is the candidate's test metric; None and 0 mean that there is none (yet)."""

    run_id: str
    name: str
    as_of: datetime
    started: datetime
    state: State
    metric: str = ""
    value: float | None = None
    version: int = 0
    wall_clock_s: float = 0.0
    planned_s: float = 0.0
    cost_usd: float | None = None
    planned_usd: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedRow:
    """One run with a record that cannot be read, and why."""

    run_id: str
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """One registered model. `champion_version` 0: none; `challenger_version` 0: no candidate is waiting.

    `retrained` is when its last judged run began; `cadence` is how often that should be, "" where nothing says so.
    """

    name: str
    champion_version: int
    promoted: datetime | None = None
    run_id: str = ""
    digest: str = ""
    challenger_version: int = 0
    retrained: datetime | None = None
    cadence: str = ""
    today: str = ""
    """Whether the champion would pass its gates today, in a few words."""

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been retrained by now."""
        return bool(self.cadence and self.retrained and parse_span(self.cadence).back_from(now) > self.retrained)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """One event in the ledger of a model, "promoted", "rolled-back" or "waiting"."""

    at: datetime
    event: str
    version: int
    previous_version: int = 0
    run_id: str = ""
    by: str = ""
    reason: str = ""


def runs_table(rows: Sequence[RunRow], *, damaged: Sequence[DamagedRow] = (), filtered: bool = False) -> str:
    """The list of runs, with what was planned beside what it took.

    Args:
        damaged: runs that cannot be listed.
        filtered: there are others, which were not asked for.
    """
    broken = "".join(f"Run {row.run_id} cannot be read: {row.problem}\n" for row in damaged)
    if not rows and filtered:
        return f"{broken}No such runs; there are others:\n  raytemplate runs"
    if not rows:
        return f"{broken}No runs yet. To start one:\n  raytemplate run FILE"
    titles = ("run", "model", "as of", "started", "state", "test metric", "version", "took", "planned", "USD")
    lines = [titles, *(_run_cells(row) for row in rows)]
    text = table(lines, gaps=(3, 2, 2, 2, 2, 2, 2, 2, 2), right={6, 7, 8, 9}, most={1: 24})
    return f"{text}\n\n{broken}  raytemplate show {rows[0].run_id}"


def _run_cells(row: RunRow) -> tuple[str, ...]:
    return (
        row.run_id,
        row.name,
        show_moment(row.as_of),
        row.started.strftime("%Y-%m-%d %H:%M"),
        row.state,
        "-" if row.value is None else f"{row.metric} {metric_text(row.value)}",
        number(row.version),
        about_seconds(row.wall_clock_s) if row.wall_clock_s else "-",
        about_seconds(row.planned_s) if row.planned_s else "-",
        "-" if row.cost_usd is None else show_usd(row.cost_usd),
    )


def models_table(rows: Sequence[ModelRow], *, now: datetime) -> str:
    """The list of models: which version is the champion, since when, from which run, and who is waiting."""
    if not rows:
        return "No models yet. To make one:\n  raytemplate run FILE"
    lines = [("model", "champion", "age", "run", "digest", "challenger", "its gates", "")]
    lines += [_model_cells(row, now) for row in rows]
    text = table(lines, gaps=(3, 2, 2, 2, 2, 2, 2), right={1, 5}, most={0: 44})
    return f"{text}\n\n  raytemplate show {rows[0].name}"


def _model_cells(row: ModelRow, now: datetime) -> tuple[str, ...]:
    age = age_text(row.promoted, now) if row.promoted else "-"
    champion, challenger = number(row.champion_version), number(row.challenger_version)
    overdue = "overdue" if row.overdue(now) else ""
    return row.name, champion, age, row.run_id or "-", short(row.digest) or "-", challenger, row.today or "-", overdue


def age_text(since: datetime, now: datetime) -> str:
    """ "40 s", "5m", "7h", "12 days" """
    seconds = max(0.0, (now - since).total_seconds())
    if seconds < 3600:
        return about_seconds(seconds)
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f}h"
    return f"{seconds // 86400:.0f} days"


def number(version: int) -> str:
    """A version, "-" for none."""
    return str(version) if version else "-"
