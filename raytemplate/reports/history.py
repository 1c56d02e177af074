"""Lists of runs and models: what happened, newest first as the caller gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from raytemplate.records.run import State
from raytemplate.reports.layout import table
from raytemplate.reports.wording import about_seconds, metric_text, short
from raytemplate.units import show_moment, show_usd


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
    """One registered model. `champion_version` 0: none; `challenger_version` 0: no candidate is waiting."""

    name: str
    champion_version: int
    promoted: datetime | None = None
    run_id: str = ""
    digest: str = ""
    challenger_version: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """One event in the ledger of a model, such as "promoted", "rolled back", "waiting", "rejected"."""

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
        _number(row.version),
        about_seconds(row.wall_clock_s) if row.wall_clock_s else "-",
        about_seconds(row.planned_s) if row.planned_s else "-",
        "-" if row.cost_usd is None else show_usd(row.cost_usd),
    )


def models_table(rows: Sequence[ModelRow], *, now: datetime) -> str:
    """The list of models: which version is the champion, since when, from which run, and who is waiting."""
    if not rows:
        return "No models yet. To make one:\n  raytemplate run FILE"
    lines = [("model", "champion", "age", "run", "digest", "challenger")]
    lines += [_model_cells(row, now) for row in rows]
    text = table(lines, gaps=(3, 2, 2, 2, 2), right={1, 5}, most={0: 44})
    return f"{text}\n\n  raytemplate show {rows[0].name}"


def _model_cells(row: ModelRow, now: datetime) -> tuple[str, str, str, str, str, str]:
    age = age_text(row.promoted, now) if row.promoted else "-"
    champion, challenger = _number(row.champion_version), _number(row.challenger_version)
    return row.name, champion, age, row.run_id or "-", short(row.digest) or "-", challenger


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelView:
    """One model with every promotion and rollback; prints as `raytemplate show MODEL` does."""

    model: ModelRow
    events: tuple[EventRow, ...]
    now: datetime

    def __str__(self) -> str:
        return show_model(self.model, self.events, now=self.now)


def show_model(model: ModelRow, events: Sequence[EventRow], *, now: datetime) -> str:
    """One model: its champion, and every promotion and rollback."""
    lines = [f"{model.name}   {_champion(model, now)}"]
    if model.challenger_version:
        lines.append(f"Version {model.challenger_version} is waiting.")
    if events:
        lines += ["", _events(events)]
    return "\n".join([*lines, "", _model_command(model)])


def _champion(model: ModelRow, now: datetime) -> str:
    if not model.champion_version:
        return "no champion yet"
    age = f" for {age_text(model.promoted, now)}" if model.promoted else ""
    return f"version {model.champion_version} is the champion{age}   run {model.run_id}   digest {short(model.digest)}"


def _events(events: Sequence[EventRow]) -> str:
    rows = [("when", "event", "version", "was", "run", "by", "reason")]
    for event in events:
        numbers = (_number(event.version), _number(event.previous_version))
        when = event.at.strftime("%Y-%m-%d %H:%M")
        rows.append((when, event.event, *numbers, event.run_id or "-", event.by or "-", event.reason))
    return table(rows, gaps=(3, 2, 2, 2, 2, 2), right={2, 3}, most={1: 16, 5: 14, 6: 28})


def _model_command(model: ModelRow) -> str:
    if model.champion_version:
        return f"  raytemplate predict {model.name} NEW.parquet OUT.parquet"
    return "  raytemplate runs"


def age_text(since: datetime, now: datetime) -> str:
    """ "40 s", "5m", "7h", "12 days" """
    seconds = max(0.0, (now - since).total_seconds())
    if seconds < 3600:
        return about_seconds(seconds)
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f}h"
    return f"{seconds // 86400:.0f} days"


def _number(version: int) -> str:
    return str(version) if version else "-"
