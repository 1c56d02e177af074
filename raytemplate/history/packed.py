"""Packs a run: its records, cards and report, its model and the ledger's events, to be verified anywhere, offline."""

import getpass
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.journal import EPOCHS, LOCK, RECORDS, STARTS, STATEMENT, TRIALS, Journal
from raytemplate.history.pack import (
    CHECKPOINTS,
    LEDGER,
    MODEL_FOLDER,
    PACK,
    README,
    RECORDS_FOLDER,
    REPORT,
    SIGNATURE,
    Pack,
    entry_of,
    signature_of,
)
from raytemplate.history.reported import report_of
from raytemplate.history.runs import Run
from raytemplate.ledger import keys
from raytemplate.ledger.bodies import SnapshotFrozen, SnapshotRevoked
from raytemplate.ledger.chain import Examined, examine
from raytemplate.ledger.checkpoints import disagreements
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.exported import export_lines
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.outside import checkpoint_file, kept_checkpoints
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Precedents, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.swept import SweepResult
from raytemplate.redact import redact, redacted
from raytemplate.reports.cards import Card, CardRecords, cards_of
from raytemplate.store.content_store import ContentStore
from raytemplate.store.manifest import MANIFEST_NAME, read_manifest
from raytemplate.store.stored_zip import archive_of
from raytemplate.store.workspace import Workspace

MOST_MODEL_BYTES = 20_000_000
"""Size up to which a model is packed unless a person says otherwise."""
_KINDS = (RunStart, Snapshot, SweepResult, FitResult, Evaluation, Precedents, VerdictRecord, PromotionRecord, RunEnd)
_PACKED = (LOCK, *(RECORDS[kind] for kind in _KINDS), EPOCHS, STARTS, TRIALS, STATEMENT, "passed.jsonl")
"""What is packed of a run's folder. Profiles and fitted features hold values of the data, and stay where they are."""
_README = """\
# Run {run} of {model}

A pack of raytemplate. To verify it, without a workspace, a key or a network:

    pip install raytemplate
    raytemplate verify FILE.zip

`pack.json` lists every file with its digest, and `pack.sig.json` signs that list. The folder `{model}` has the model
card, the data card and the evaluation report; `ledger` has the events of governance with their public keys, and
checkpoints.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A pack, before it is written."""

    data: bytes
    """The archive."""
    about: Pack
    """What it says of itself."""
    model_bytes: int
    """Size of the candidate's files, packed or not."""


def run_cards(run: Run) -> tuple[Card, ...]:
    """Model card, data card and evaluation report of a run's candidate.

    Raises:
        UsageError: the run has not been judged.
        IntegrityError: a record was edited, or is missing.
    """
    journal = run.journal
    verdict = journal.read(VerdictRecord)
    if verdict is None:
        raise UsageError(
            f"run {run.id} has not been judged: there is no evaluation to report",
            next_step=f"raytemplate resume {run.id}",
        )
    records = CardRecords(
        plan=run.plan,
        run_id=run.id,
        snapshot=run.snapshot,
        fit=run.fit,
        evaluation=run.evaluation,
        verdict=verdict,
        promotion=run.promotion,
        profile=run.profile,
    )
    return cards_of(records)


def card_files(cards: Sequence[Card]) -> dict[str, bytes]:
    """The cards as files, Markdown and JSON."""
    found: dict[str, bytes] = {}
    for card in cards:
        found[f"{card.name}.md"] = redact(card.markdown).encode()
        found[f"{card.name}.json"] = f"{json.dumps(redacted(card.data), indent=1, ensure_ascii=False)}\n".encode()
    return found


def pack_run(run: Run, workspace: Workspace, *, with_model: bool | None = None) -> Packed:
    """Pack a run that has been judged. The ledger is checked first, as are all bytes of the model.

    Args:
        with_model: whether to pack the candidate's files; None packs them up to `MOST_MODEL_BYTES`.

    Raises:
        IntegrityError: a record, the model or the ledger is not as it was written.
        UsageError: the run has not been judged, or the pack would be too large.
    """
    cards, fit, promotion = run_cards(run), run.fit, run.promotion
    ledger = open_ledger(workspace)
    chain = ledger.examine()
    if chain.faults:
        raise IntegrityError(f"{ledger.where}: {chain.faults[0]}", next_step="raytemplate ledger verify")
    chain = _until(chain, run.plan.name, run.snapshot.digest)
    model = ContentStore(workspace.models).open(fit.candidate.digest)
    manifest = read_manifest(model)
    has_model = manifest.num_bytes <= MOST_MODEL_BYTES if with_model is None else with_model
    packed = [entry.name for entry in manifest.files] if has_model else []
    checkpoints = _checkpoints(chain)
    files = {
        README: _README.format(run=run.id, model=run.plan.name).encode(),
        REPORT: report_of(run, workspace, with_profile=False).encode(),
        LEDGER: "".join(f"{line}\n" for line in export_lines(chain)).encode(),
        **({CHECKPOINTS: checkpoints} if checkpoints else {}),
        **card_files(cards),
        **{f"{RECORDS_FOLDER}/{name}": data for name, data in _records(run.journal).items()},
        **{f"{MODEL_FOLDER}/{name}": (model / name).read_bytes() for name in (MANIFEST_NAME, *packed)},
    }
    about = Pack(
        run_id=run.id,
        model=run.plan.name,
        version=promotion.version if promotion else 0,
        digest=fit.candidate.digest,
        ledger=chain.ring.ledger,
        num_events=len(chain.events),
        has_model=has_model,
        made_by=f"{getpass.getuser()}@{socket.gethostname()}",
        files=tuple(sorted(entry_of(name, data) for name, data in files.items())),
    )
    listed = codec.dumps(about)
    signed = {PACK: listed, SIGNATURE: signature_of(listed, keys.signer("identity"))}
    data = archive_of({**signed, **dict(sorted(files.items()))})
    return Packed(data=data, about=about, model_bytes=manifest.num_bytes)


def _checkpoints(chain: Examined) -> bytes:
    """Notes of the checkpoints that cover no more than a chain, one after another."""
    notes = [note for note in kept_checkpoints(chain.ring.ledger) if note.size <= len(chain.events)]
    for fault in disagreements(notes, chain, where=str(checkpoint_file(chain.ring.ledger)) if notes else ""):
        raise IntegrityError(fault, next_step="raytemplate ledger verify")
    return "".join(note.note for note in notes).encode()


def _records(journal: Journal) -> Mapping[str, bytes]:
    found = ((name, journal.bytes_of(name)) for name in _PACKED)
    return {name: data for name, data in found if data is not None}


def _until(chain: Examined, model: str, snapshot: str) -> Examined:
    """The chain up to the last event that concerns a model: its own, those of no model, and those of its data."""
    last = max((e.seq for e in chain.events if e.model in (model, "") or _is_about(e, snapshot)), default=0)
    return examine(chain.events[:last])


def _is_about(event: Event, snapshot: str) -> bool:
    if event.type not in (SnapshotFrozen.type, SnapshotRevoked.type):
        return False
    body = body_of(event)
    return isinstance(body, SnapshotFrozen | SnapshotRevoked) and body.snapshot == snapshot
