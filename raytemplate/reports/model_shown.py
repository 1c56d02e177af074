"""One model as `show MODEL` prints it: its champions, its runs with planned and actual time, and its gates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from raytemplate.reports.history import MOVES, EventRow, ModelRow, RunRow, age_text, mlflow_lines, number
from raytemplate.reports.layout import sentences, table
from raytemplate.reports.service import InService, service_text
from raytemplate.reports.wording import about_seconds, metric_text, short
from raytemplate.units import count, show_moment, show_usd

_MOST_RUNS = 12
_MOST_OF_MLFLOW = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class GateRate:
    """How often a gate passed."""

    gate: str
    """The gate's name."""
    num_passed: int
    """Runs in which it passed."""
    num_judged: int
    """Runs in which it gave a judgement."""
    num_skipped: int = 0
    """Runs in which it was skipped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelView:
    """One model and its history."""

    model: ModelRow
    """The model and its champion."""
    events: tuple[EventRow, ...]
    """Every event of the model, oldest first."""
    now: datetime
    """The moment that ages are computed for."""
    runs: tuple[RunRow, ...] = ()
    """Its runs, newest first."""
    gates: tuple[GateRate, ...] = ()
    """Its gates, over all judged runs."""
    service: InService | None = None
    """The champion on the newest test rows that it was scored on."""

    def __str__(self) -> str:
        blocks = [
            "\n".join([f"{self.model.name}   {_champion(self.model, self.now)}", *_waits(self.model, self.now)]),
            service_text(self.service),
            _events(self.events, self.now),
            runs_text(self.runs),
            _gates(self.gates),
            _command(self.model),
        ]
        return "\n\n".join(block for block in blocks if block)

    def __repr__(self) -> str:
        return f"<model {self.model.name}, {_champion(self.model, self.now)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _champion(model: ModelRow, now: datetime) -> str:
    if not model.champion_version:
        return "no champion yet"
    age = f" for {age_text(model.promoted, now)}" if model.promoted else ""
    return f"version {model.champion_version} is the champion{age}   run {model.run_id}   digest {short(model.digest)}"


def _waits(model: ModelRow, now: datetime) -> list[str]:
    """Lines for a waiting candidate, an overdue retraining, a revoked snapshot, and a copy in MLflow not in line."""
    lines = [f"Version {model.challenger_version} is waiting."] if model.challenger_version else []
    if model.overdue(now):
        assert model.retrained is not None
        last = f"the last judged run was {age_text(model.retrained, now)} ago"
        lines.append(f"Overdue: {last}, governance.cadence is {model.cadence}.")
    lines += [sentences(model.revoked)] if model.revoked else []
    return [*lines, *mlflow_lines(model, _MOST_OF_MLFLOW)]


def _events(events: Sequence[EventRow], now: datetime) -> str:
    """Every event, and how long the champion that it made stayed champion."""
    if not events:
        return ""
    rows = [("when", "event", "version", "was", "champion for", "run", "by", "reason")]
    moves = [event.at for event in events if event.event in MOVES]
    for event in events:
        numbers = (number(event.version), number(event.previous_version))
        until = next((at for at in moves if at > event.at), now)
        reign = age_text(event.at, until) if event.event in MOVES else "-"
        when = event.at.strftime("%Y-%m-%d %H:%M")
        rows.append((when, event.event, *numbers, reign, event.run_id or "-", event.who or "-", event.reason))
    return table(rows, gaps=(3, 2, 2, 2, 2, 2, 2), right={2, 3, 4}, most={1: 16, 6: 14, 7: 20})


def runs_text(runs: Sequence[RunRow]) -> str:
    """The newest of the given runs, planned against actual."""
    if not runs:
        return ""
    rows = [("run", "as of", "state", "test metric", "version", "took", "planned", "USD", "planned")]
    rows += [_run(row) for row in runs[:_MOST_RUNS]]
    text = table(rows, gaps=(3, 2, 2, 2, 2, 2, 2, 2), right={4, 5, 6, 7, 8})
    more = len(runs) - _MOST_RUNS
    return f"{text}\n  and {count(more, 'earlier run')}: raytemplate runs" if more > 0 else text


def _run(row: RunRow) -> tuple[str, ...]:
    return (
        row.run_id,
        show_moment(row.as_of),
        row.state,
        "-" if row.value is None else f"{row.metric} {metric_text(row.value)}",
        number(row.version),
        about_seconds(row.wall_clock_s) if row.wall_clock_s else "-",
        about_seconds(row.planned_s) if row.planned_s else "-",
        "-" if row.cost_usd is None else show_usd(row.cost_usd),
        show_usd(row.planned_usd),
    )


def _gates(gates: Sequence[GateRate]) -> str:
    if not gates:
        return ""
    rows = [("gate", "passed", "")]
    for gate in gates:
        skipped = f"skipped in {count(gate.num_skipped, 'run')}" if gate.num_skipped else ""
        rows.append((gate.gate, f"{gate.num_passed} of {gate.num_judged}", skipped))
    return table(rows, gaps=(3, 2), right={1})


def _command(model: ModelRow) -> str:
    if model.revoked:
        return f"  raytemplate rollback {model.name}" if model.goes_back else "  raytemplate snapshot list"
    if model.champion_version:
        return f"  raytemplate predict {model.name} NEW.parquet OUT.parquet"
    return "  raytemplate runs"
