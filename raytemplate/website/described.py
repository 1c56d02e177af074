"""One model as its page and the index show it: from the ledger, its runs, and what its gates say of the champion."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from raytemplate.execution.read_once import ReadOnce
from raytemplate.history.catalog import gate_rates
from raytemplate.history.runs import Run
from raytemplate.history.service import in_service
from raytemplate.ledger.history import Head
from raytemplate.reports.history import ModelRow
from raytemplate.reports.service import UNKNOWN, InService
from raytemplate.reports.site.views import HeldRow, ModelDetails, ModelEntry
from raytemplate.store.workspace import Workspace
from raytemplate.website.memory import KnownRun
from raytemplate.website.registered import RegisteredModel
from raytemplate.website.summary import RunSummary

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def entry_of(row: ModelRow, summaries: Sequence[RunSummary]) -> ModelEntry:
    """A model with its runs, newest first."""
    ordered = sorted(
        ((one.row, one) for one in summaries if one.row is not None), key=lambda pair: pair[0].started, reverse=True
    )
    return ModelEntry(
        model=row,
        runs=tuple(run for run, _ in ordered),
        held=tuple(HeldRow(run=run, missing=one.missing) for run, one in ordered if run.state == "held"),
    )


def described(
    workspace: Workspace, name: str, registered: RegisteredModel, runs: Mapping[str, KnownRun]
) -> tuple[ModelRow, ModelDetails]:
    """The model's row, and what only its own page has."""
    history = registered.history
    head, waiting = history.head, [version.version for version in history.versions if version.state == "challenger"]
    judged = sorted(
        (one.summary for one in runs.values() if one.summary.judged and one.summary.row is not None),
        key=lambda one: one.row.started if one.row else _BEFORE_ALL,
        reverse=True,
    )
    service = _service(workspace, head, runs) if head else None
    row = ModelRow(
        name=name,
        champion_version=head.version if head else 0,
        promoted=head.at if head else None,
        run_id=head.run_id if head else "",
        digest=head.digest if head else "",
        challenger_version=waiting[-1] if waiting else 0,
        retrained=judged[0].row.started if judged and judged[0].row else None,
        cadence=judged[0].cadence if judged else "",
        today=service.today if service else (UNKNOWN if head else ""),
        revoked=registered.revoked,
    )
    details = ModelDetails(
        versions=history.versions,
        events=registered.events,
        gates=gate_rates(pair for one in judged for pair in one.outcomes.items()),
        service=service,
    )
    return row, details


def _service(workspace: Workspace, head: Head, runs: Mapping[str, KnownRun]) -> InService | None:
    """As `in_service`, which reads the records of only those runs that scored the champion, the newest rows first."""
    scored = sorted(
        (
            (one.summary, run_id)
            for run_id, one in runs.items()
            if one.summary.judged and head.digest in one.summary.scored
        ),
        key=lambda pair: (pair[0].test_end or _BEFORE_ALL, pair[0].row.started if pair[0].row else _BEFORE_ALL),
        reverse=True,
    )
    found = (in_service(head, [Run(ReadOnce(workspace.runs / run_id))]) for _, run_id in scored)
    return next((one for one in found if one is not None), None)
