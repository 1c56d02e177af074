"""What is registered, as rows for reports: models, their champions and their history, out of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.execution.registered import find_version
from raytemplate.ledger.database import ledger_exists
from raytemplate.ledger.events import change_of
from raytemplate.ledger.head import Ledger
from raytemplate.records import codec
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.history import EventRow, ModelRow, ModelView
from raytemplate.store.workspace import Workspace


def model_rows(workspace: Workspace) -> list[ModelRow]:
    """Every model of a workspace."""
    ledger = Ledger(workspace.governance_db)
    return [_row(ledger, name) for name in ledger.models()]


def refuse_lost_ledger(workspace: Workspace) -> None:
    """Stop where runs have registered versions and the ledger that holds them is gone: there is no model then, it says.

    Raises:
        IntegrityError: names the file and a run.
    """
    path = workspace.governance_db
    if ledger_exists(path):
        return
    registered = next((p for p in sorted(workspace.runs.glob("*/promotion.json")) if _is_registered(p)), None)
    if registered is not None:
        raise IntegrityError(
            f"{path}: missing, though run {registered.parent.name} has registered a version in it",
            next_step=f"restore {path} from a backup",
        )


def _is_registered(promotion: Path) -> bool:
    """Whether the ledger must know of a promotion: not of a candidate for show. Of a damaged record it may have to."""
    try:
        return codec.loads(PromotionRecord, promotion.read_bytes(), where=str(promotion)).outcome != "shown"
    except IntegrityError:
        return True


def registered_model(ref: str, workspace: Workspace) -> ModelView:
    """One model with its history.

    Raises:
        UsageError: no such version.
    """
    name = ref.partition("@")[0].partition("/")[0]
    if name != ref:
        find_version(ref, workspace)
    ledger = Ledger(workspace.governance_db)
    return ModelView(model=_row(ledger, name), events=tuple(event_rows(ledger, name)), now=datetime.now(UTC))


def event_rows(ledger: Ledger, name: str) -> list[EventRow]:
    """Every promotion, rollback and waiting candidate of a model, oldest first."""
    events: list[EventRow] = []
    champion = 0
    for event in ledger.events(name):
        change = change_of(event)
        moved = event.type != "waiting"
        row = EventRow(
            at=datetime.fromisoformat(event.at), event=event.type, version=change.version,
            previous_version=champion if moved else 0, run_id=change.run_id, by=event.actor,
            reason=str(change.details.get("reason", "") or change.details.get("by", "")),
        )  # fmt: skip
        events.append(row)
        champion = change.version if moved else champion
    return events


def _row(ledger: Ledger, name: str) -> ModelRow:
    head = ledger.head(name)
    waiting = [v.version for v in ledger.versions(name) if v.state == "challenger"]
    return ModelRow(
        name=name, champion_version=head.version if head else 0, promoted=head.at if head else None,
        run_id=head.run_id if head else "", digest=head.digest if head else "",
        challenger_version=waiting[-1] if waiting else 0,
    )  # fmt: skip
