"""Whether the champion in service would pass its gates on the newest evaluation that it was part of."""

from collections.abc import Iterable

from raytemplate.history.runs import Run
from raytemplate.ledger.head import Head
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import Approved, Finding
from raytemplate.records.run import RunStart
from raytemplate.reports.service import InService


def in_service(head: Head, judged: Iterable[Run]) -> InService | None:
    """The findings about a champion on the newest test rows that it was scored on; None if there are none.

    Args:
        judged: runs of the model that gates have judged.
    """
    read = [(run, evaluation) for run in judged if (evaluation := run.journal.read(Evaluation)) is not None]
    read.sort(key=lambda pair: (pair[1].test_end, pair[0].journal.need(RunStart).started), reverse=True)
    for run, evaluation in read:
        findings = _findings(run, evaluation, head.digest)
        if findings:
            return InService(
                version=head.version,
                run_id=run.id,
                test_start=evaluation.test_start,
                test_end=evaluation.test_end,
                findings=findings,
            )
    return None


def _findings(run: Run, evaluation: Evaluation, digest: str) -> tuple[Finding, ...]:
    """A run's findings about the model with a digest, as the run's candidate or as its champion."""
    if evaluation.candidate_digest == digest:
        accepted = run.verdict.accepted if isinstance(run.verdict, Approved) else ()
        return tuple(one for one in run.candidate_findings if one.gate not in accepted)
    if evaluation.champion_ref is not None and evaluation.champion_ref.digest == digest:
        return run.champion_findings
    return ()
