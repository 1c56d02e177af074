"""Which stored models are kept, and why; the others may be freed once somebody asks for it.

A model is kept while it is a champion, one of those that a rollback may go back to, a candidate that waits, or younger
than the retention. Whatever an event or a run younger than the retention names is kept as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from raytemplate.errors import IntegrityError, RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.ledger.bodies import OfModel, Waived
from raytemplate.ledger.database import database_of
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.history import History, moment
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.fitted import FitResult
from raytemplate.records.governed import CHAMPIONS_KEPT
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.store.content_store import ContentStore
from raytemplate.store.locks import is_held
from raytemplate.store.workspace import Workspace
from raytemplate.units import Span

FOR_EVER = Span(0, "all")
"""The retention if nobody sets one: then nothing is freed."""

CHAMPION, FORMER, WAITING, YOUNG, UNFINISHED = (
    "champion", "former champion", "waiting candidate", "younger than the retention", "of a run that has not ended",
)  # fmt: skip
_FOR_EVER = "kept for ever: no --retention was given"
_UNKNOWN = "of a run whose records cannot be read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long models are kept."""

    span: Span = FOR_EVER
    """Age from which a model that nothing else keeps may be freed; "all" never frees any."""

    champions: int = CHAMPIONS_KEPT
    """How many of the last champions of each model are kept whatever their age, today's among them."""

    def oldest(self, now: datetime) -> datetime | None:
        """What is younger than this moment is kept; None keeps everything."""
        return None if self.span.unit == "all" else self.span.back_from(now)

    @property
    def young(self) -> str:
        """Why a model is kept that nothing but its age keeps."""
        return _FOR_EVER if self.span.unit == "all" else YOUNG


def stored_models(workspace: Workspace) -> Iterator[Path]:
    """The folders of all stored models."""
    yield from sorted(path for path in workspace.models.glob("[0-9a-f][0-9a-f]/*") if path.is_dir())


def reasons(workspace: Workspace, retention: Retention) -> Mapping[str, str]:
    """Digest -> why the model is kept. Those that are missing may be freed.

    Raises:
        IntegrityError: the ledger is lost or was edited: nobody can tell what to keep.
    """
    oldest = retention.oldest(datetime.now(UTC))
    kept = {
        path.name: retention.young for path in stored_models(workspace) if oldest is None or _changed(path) > oldest
    }
    kept |= _by_runs(workspace, oldest, retention.young)
    return kept | by_ledger(open_ledger(workspace), retention)


def by_ledger(ledger: Ledger, retention: Retention) -> dict[str, str]:
    """Digest -> why the ledger keeps the model."""
    oldest = retention.oldest(datetime.now(UTC))
    kept: dict[str, str] = {}
    for event in ledger.events():
        if oldest is None or moment(event.at, f"event {event.seq}") > oldest:
            kept |= dict.fromkeys(_named_by(event), retention.young)
    for model in ledger.models():
        kept |= _of_model(ledger.history(model, with_signatures=True), retention)
    return kept


def _of_model(history: History, retention: Retention) -> dict[str, str]:
    last = list(dict.fromkeys(head.digest for head in reversed(history.heads)))[: max(1, retention.champions)]
    waiting = {version.digest: WAITING for version in history.versions if version.state == "challenger"}
    return waiting | dict.fromkeys(last, FORMER) | dict.fromkeys(last[:1], CHAMPION)


def _named_by(event: Event) -> Sequence[str]:
    body = body_of(event)
    return (body.digest,) if isinstance(body, OfModel | Waived) else ()


def _by_runs(workspace: Workspace, oldest: datetime | None, young: str) -> dict[str, str]:
    kept: dict[str, str] = {}
    for folder in sorted(workspace.runs.glob("*")) if workspace.runs.is_dir() else ():
        journal = Journal(folder)
        try:
            fit, start = journal.read(FitResult), journal.read(RunStart)
            if fit is None:
                continue
            promotion = journal.read(PromotionRecord)
            if promotion is not None and promotion.outcome == "asked":
                kept[fit.candidate.digest] = WAITING
            elif journal.read(RunEnd) is None:
                kept[fit.candidate.digest] = UNFINISHED
            elif oldest is None or start is None or start.started > oldest:
                kept[fit.candidate.digest] = young
        except RaytemplateError:
            kept |= {path.name: _UNKNOWN for path in stored_models(workspace)}
    return kept


def free_models(workspace: Workspace, retention: Retention) -> None:
    """Remove the stored models that nothing keeps. Each is removed while nobody can move a champion, and only if the
    ledger does not name it meanwhile.

    Raises:
        IntegrityError: see `reasons`; or a run is being worked on, which may be about to store the same bytes.
    """
    kept, store, ledger = reasons(workspace, retention), ContentStore(workspace.models), open_ledger(workspace)
    for path in stored_models(workspace):
        if path.name in kept:
            continue
        refuse_while_at_work(workspace)
        if not database_of(ledger.database).exists():
            store.remove(path)
            continue
        with ledger.unmoved():
            if path.name not in by_ledger(ledger, retention):
                store.remove(path)


def refuse_while_at_work(workspace: Workspace) -> None:
    """Refuse to free models while a run is being worked on.

    Raises:
        IntegrityError: names the run.
    """
    for folder in workspace.runs.glob("*"):
        if is_held(Journal(folder).active):
            raise IntegrityError(
                f"run {folder.name} is being worked on, and may be about to store a model: no models were freed",
                next_step="raytemplate clean --free models, once it has ended",
            )


def _changed(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.now(UTC)
