"""What the other pages of a site need of one run: small enough to remember, so that its records are read only once."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import RECORDS, Journal
from raytemplate.execution.lock import RunLock, read_lock
from raytemplate.history.runs import Run
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import Held, Outcome, VerdictRecord
from raytemplate.records.run import RunEnd
from raytemplate.reports.history import RunRow
from raytemplate.reports.page import Around, MadeFrom, report_page
from raytemplate.reports.site import names
from raytemplate.reports.site.pages import damaged_page
from raytemplate.store.locks import is_held

_CHANGES_FOR_NOBODY = ("active", "ray.log", "log.jsonl")
"""Files of a run's folder that no page shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """One run as the pages of its model and of all models show it."""

    row: RunRow | None = None
    """None where its records cannot be read."""
    problem: str = ""
    """Why it, or its page, cannot be read; empty where it can."""
    missing: str = ""
    """Of a held run: what it waits for."""
    cadence: str = ""
    """How often its template wants the model retrained; "" where it does not say."""
    judged: bool = False
    """Whether gates have judged it, and not for show."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict[str, Outcome])
    """Gate -> what it said of the candidate of a judged run."""
    test_end: datetime | None = None
    """End of its test window; None before its evaluation."""
    scored: tuple[str, ...] = ()
    """Digests of the models that were scored on its test rows: its candidate, and the champion if there was one."""


def stamp(journal: Journal) -> str:
    """A text that is another one as soon as what the pages show of the run may be."""
    found = hashlib.sha256()
    try:
        for entry in sorted(os.scandir(journal.folder), key=lambda one: one.name):
            if entry.name not in _CHANGES_FOR_NOBODY and entry.is_file():
                stat = entry.stat()
                found.update(f"{entry.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    except FileNotFoundError:
        return ""  # removed at this moment, or a file that was being written
    if not (journal.folder / RECORDS[RunEnd]).exists():
        found.update(b"running" if is_held(journal.active) else b"unfinished")
    return found.hexdigest()[:16]


def summarised(journal: Journal) -> tuple[RunSummary, bytes]:
    """A run's summary and its page: its report with links to the site, or why it cannot be read."""
    run, row = Run(journal), None
    try:
        row, lock = run.row(), read_lock(journal)
        return _summary(run, row, lock), _page(run, lock)
    except IntegrityError as error:
        return RunSummary(row=row, problem=error.what), damaged_page(journal.run_id, error.what)


def _page(run: Run, lock: RunLock) -> bytes:
    made = MadeFrom(
        code_sha256=lock.code_sha256,
        environment=lock.environment,
        resolved=lock.resolved,
        origins=lock.origins,
        reasons=lock.reasons,
    )
    around = Around(home=f"../{names.INDEX}", model=f"../{names.model_link(lock.plan.name)}")
    # Without its model's events: else each promotion would change the pages of all runs before.
    return report_page(run.view(), made, (), run.journal.statistics().get("train"), around, run.profile).encode()


def _summary(run: Run, row: RunRow, lock: RunLock) -> RunSummary:
    journal = run.journal
    record, evaluation = journal.read(VerdictRecord), journal.read(Evaluation)
    verdict = record.verdict if record is not None else None
    judged = verdict is not None and row.state != "shown"
    champion = evaluation.champion_ref if evaluation is not None else None
    return RunSummary(
        row=row,
        missing=verdict.missing if isinstance(verdict, Held) and row.state == "held" else "",
        cadence=str((lock.resolved.get("governance") or {}).get("cadence") or ""),
        judged=judged,
        outcomes={one.gate: one.outcome for one in verdict.findings} if verdict is not None and judged else {},
        test_end=evaluation.test_end if evaluation is not None else None,
        scored=(evaluation.candidate_digest, *([champion.digest] if champion else [])) if evaluation else (),
    )
