"""The champion in service: would it pass its gates on the newest evaluation it took part in?"""

from collections.abc import Iterable

from raytemplate.history.runs import Run
from raytemplate.ledger.head import Head
from raytemplate.records.judged import Approved, Finding
from raytemplate.reports.service import InService


def in_service(head: Head, judged: Iterable[Run]) -> InService | None:
    """What the gates say of a champion on the newest test rows that it was scored on; None if there are none.

    Args:
        judged: runs of its model that gates have judged.
    """
    newest = sorted(judged, key=lambda run: (run.evaluation.test_end, run.row().started), reverse=True)
    for run in newest:
        findings = _findings(run, head.digest)
        if findings:
            evaluation = run.evaluation
            return InService(
                version=head.version, run_id=run.id, test_start=evaluation.test_start, test_end=evaluation.test_end,
                findings=findings,
            )  # fmt: skip
    return None


def _findings(run: Run, digest: str) -> tuple[Finding, ...]:
    """Of the champion with that digest: as the candidate of the run, or as its champion."""
    evaluation = run.evaluation
    if evaluation.candidate_digest == digest:
        accepted = run.verdict.accepted if isinstance(run.verdict, Approved) else ()
        return tuple(one for one in run.verdict.findings if one.gate not in ("beats-champion", *accepted))
    if evaluation.champion_ref is not None and evaluation.champion_ref.digest == digest:
        return run.champion_findings
    return ()
