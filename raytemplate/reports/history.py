"""Lists of runs and models, in the caller's order, normally newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from raytemplate.records.run import State
from raytemplate.reports.layout import sentences, table
from raytemplate.reports.wording import about_seconds, metric_text, short
from raytemplate.units import count, parse_span, show_moment, show_usd

_KEY_SHOWN = 6
MOVES = ("promoted", "rolled-back")
"""Events that make a version the champion."""
MEND = "raytemplate ledger repair"
UNASKED = "MLflow could not be asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One run in the list."""

    run_id: str
    """The run's id."""
    name: str
    """The template's name, which is the model's too."""
    as_of: datetime
    """The moment that its windows are relative to."""
    started: datetime
    """When it started."""
    state: State
    """How it ended, or that it has not."""
    metric: str = ""
    """Name of the deciding metric; "" if there is none yet."""
    value: float | None = None
    """The candidate's test metric; None if there is none yet."""
    version: int = 0
    """The version that the candidate became; 0 if none."""
    wall_clock_s: float = 0.0
    """Seconds it took; 0 if it has not ended."""
    planned_s: float = 0.0
    """Seconds it was planned to take."""
    cost_usd: float | None = None
    """US dollars it cost; None if it has not ended."""
    planned_usd: float = 0.0
    """US dollars it was planned to cost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedRow:
    """One run with a record that cannot be read."""

    run_id: str
    """The run's id."""
    problem: str
    """Why it cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """One registered model."""

    name: str
    """The model's name."""
    champion_version: int
    """Version of the champion; 0 if there is none."""
    promoted: datetime | None = None
    """When the champion was promoted."""
    run_id: str = ""
    """The run that made the champion."""
    digest: str = ""
    """Digest of the champion."""
    challenger_version: int = 0
    """Version of the waiting candidate; 0 if none is waiting."""
    retrained: datetime | None = None
    """When its last judged run began."""
    cadence: str = ""
    """How often it should be retrained, such as "1 month"; "" if no template sets that."""
    today: str = ""
    """Whether the champion would pass its gates today, in a few words."""
    revoked: str = ""
    """A sentence about the revoked snapshots that the champion has seen; "" if it has seen none."""
    goes_back: bool = False
    """Whether an earlier champion is left that `rollback` goes back to."""
    mlflow: tuple[str, ...] = ()
    """Where MLflow's copy is not what the ledger says, one line each; empty if nothing is known."""

    def overdue(self, now: datetime) -> bool:
        """Whether it should have been retrained by now."""
        return bool(self.cadence and self.retrained and parse_span(self.cadence).back_from(now) > self.retrained)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """One event in the ledger."""

    at: datetime
    """When it happened."""
    event: str
    """"promoted", "rolled-back" or "waiting"; "key-added" or "key-revoked"."""
    version: int
    """The version that it concerns; 0 if it concerns a key."""
    previous_version: int = 0
    """The champion before it; 0 if there was none."""
    run_id: str = ""
    """The run that made the version."""
    by: str = ""
    """Name of the actor."""
    reason: str = ""
    """The reason given."""
    key: str = ""
    """Id of the person's key that signed the decision; "" if no person did."""

    @property
    def who(self) -> str:
        """The actor, with the beginning of the key."""
        return f"{self.by} ({self.key[:_KEY_SHOWN]})" if self.key else self.by


def runs_table(rows: Sequence[RunRow], *, damaged: Sequence[DamagedRow] = (), filtered: bool = False) -> str:
    """The list of runs, each with its planned time beside the actual one.

    Args:
        damaged: runs that cannot be listed.
        filtered: whether a filter left out other runs.
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
    """The list of models: which version is the champion, since when, from which run, and which candidate waits."""
    if not rows:
        return "No models yet. To make one:\n  raytemplate run FILE"
    lines = [("model", "champion", "age", "run", "digest", "challenger", "its gates", "")]
    lines += [_model_cells(row, now) for row in rows]
    text = table(lines, gaps=(3, 2, 2, 2, 2, 2, 2), right={1, 5}, most={0: 44})
    told = "".join(f"\n{row.name}: {line}" for row in rows for line in mlflow_lines(row, most=1))
    revoked = "".join(f"\n{sentences(f'{row.name}: {row.revoked}')}" for row in rows if row.revoked)
    first = next((f"rollback {row.name}" for row in rows if row.revoked and row.goes_back), f"show {rows[0].name}")
    return f"{text}\n{revoked}{told}\n  raytemplate {first}"


def mlflow_lines(row: ModelRow, most: int) -> list[str]:
    """Lines about MLflow's copy of a model, with the command that mends it."""
    told = [line if line.startswith(UNASKED) else f"{line}: {MEND}" for line in row.mlflow[:most]]
    more = len(row.mlflow) - most
    return [*told, f"and {count(more, 'difference')} more"] if more > 0 and most > 1 else told


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
    """A version number; "-" for 0, which means none."""
    return str(version) if version else "-"
