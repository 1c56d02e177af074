"""`log.jsonl`: what happened to a run, one JSON object a line, for programs that watch many runs."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from typing_extensions import override

from raytemplate.errors import Interrupted, RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.run import RunEnd, StageName
from raytemplate.records.swept import SweepNow, TrialRecord
from raytemplate.redact import redacted
from raytemplate.reports.listener import Listener
from raytemplate.store.locks import is_held

Level = Literal["info", "warning", "error"]
_POLL_S = 0.5


class Logged(Listener):
    """A `Listener` that writes each event to the run's log and passes it on."""

    def __init__(self, journal: Journal, listener: Listener) -> None:
        self._journal, self._listener = journal, listener

    def add(
        self, event: str, fields: dict[str, Any], *, stage: StageName | Literal[""] = "", level: Level = "info"
    ) -> None:
        """Write one line: time, level, run, stage, event, fields."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level,
                "run": self._journal.run_id, "stage": stage, "event": event, "fields": redacted(fields)}  # fmt: skip
        _keep(self._journal, json.dumps(line, ensure_ascii=False))

    @override
    def started(self, plan: RunPlan, run_id: str) -> None:
        self.add(
            "run started",
            {
                "name": plan.name,
                "version": plan.version,
                "variant": plan.variant,
                "plan": plan.id,
                "as_of": plan.as_of.isoformat(),
                "planned_s": plan.forecast.seconds,
            },
        )
        self._listener.started(plan, run_id)

    @override
    def stage_started(self, stage: StageName) -> None:
        self.add("stage started", {}, stage=stage)
        self._listener.stage_started(stage)

    @override
    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        self.add("epoch", {**asdict(record), "left_s": left_s}, stage="fit")
        self._listener.epoch(record, plan, left_s)

    @override
    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        self.add("trial", {**asdict(record), "values": dict(record.values), "left_s": left_s}, stage="sweep")
        self._listener.trial(record, best, left_s)

    def searching(self, now: SweepNow) -> None:
        """See `Listener`; passed on but not logged, because each trial is."""
        self._listener.searching(now)

    @override
    def stage_ended(self, stage: StageName, record: object, seconds: float) -> None:
        self.add("stage ended", {"seconds": seconds, **_figures(record)}, stage=stage)
        self._listener.stage_ended(stage, record, seconds)

    @override
    def note(self, text: str) -> None:
        self.add("note", {"text": text})
        self._listener.note(text)


@contextmanager
def logged(journal: Journal, listener: Listener) -> Generator[Logged]:
    """A listener for one process's work on a run, which finally logs how that work ended."""
    log = Logged(journal, listener)
    try:
        yield log
    except RaytemplateError as error:
        log.add("run failed", _failure(error), level="warning" if isinstance(error, Interrupted) else "error")
        raise
    except BaseException as error:  # logged whatever it is, then raised again
        log.add("run failed", {"error": type(error).__name__, "what": str(error)}, level="error")
        raise
    end = journal.read(RunEnd)
    if end is not None:
        log.add(
            "run ended",
            {
                "state": end.state,
                "exit_code": end.exit_code,
                "wall_clock_s": end.wall_clock_s,
                "cost_usd": end.cost_usd,
            },
        )


def log_failure(journal: Journal, error: RaytemplateError) -> None:
    """Log the failure of a process that cannot unwind."""
    Logged(journal, Listener()).add("run failed", _failure(error), level="error")


def read_log(journal: Journal) -> Iterator[str]:
    """The lines so far, then those added for as long as a process works on the run."""
    seen = 0
    while True:
        running = is_held(journal.active)
        text = journal.events.read_text(errors="replace") if journal.events.exists() else ""
        yield text[seen:]
        seen = len(text)
        if not running:
            return
        time.sleep(_POLL_S)


def _keep(journal: Journal, line: str) -> None:
    # The log is only informative: on a full disk the records tell what is wrong.
    with suppress(OSError), journal.events.open("ab", buffering=0) as file:
        file.write(line.encode() + b"\n")


def _figures(record: object) -> dict[str, Any]:
    """The few figures of a stage's record that matter to a person who watches many runs."""
    match record:
        case Snapshot():
            reused = {"reused_from": record.reused.run_id} if record.reused else {}
            return {"rows": record.num_rows, "bytes": record.bytes_read, "snapshot": record.digest, **reused}
        case FitResult():
            candidate = record.candidate
            return {
                "stopped": record.stopped,
                "epoch": candidate.epoch,
                "metric": candidate.metric,
                "validation": candidate.validation,
                "rows_per_s": record.rows_per_s,
            }
        case Evaluation():
            return {"rows": record.num_rows, "metric": record.metric, "value": record.metrics[record.metric].value}
        case VerdictRecord():
            gates = {finding.gate: finding.outcome for finding in record.verdict.findings}
            return {"verdict": type(record.verdict).__name__.lower(), "gates": gates}
        case _:
            return {}


def _failure(error: RaytemplateError) -> dict[str, Any]:
    code = error.code if isinstance(error, Interrupted) else error.exit_code
    return {
        "error": type(error).__name__,
        "what": error.what,
        "exit_code": code,
        "trouble": error.trouble,
        "retry": error.retry,
        "next_step": error.next_step,
    }
