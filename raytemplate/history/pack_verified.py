"""Checks a pack with nothing but its file: its digests, the chain and signatures of its events, and that all of it is
about the same model, plan, evaluation and data."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.history.pack import CHECKPOINTS, PACK, SIGNATURE, read_pack, signer_of_pack
from raytemplate.history.pack_checks import Checks
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.checkpoints import Checkpoint, disagreements, read_notes
from raytemplate.reports.pack_shown import PackVerified
from raytemplate.store.atomic import storage_errors
from raytemplate.store.stored_zip import read_archive


def verify_pack(path: Path, *, against: Path | None = None) -> PackVerified:
    """Check a pack. Needs no workspace, no network and no key, and writes nothing.

    Args:
        against: a file of checkpoints from elsewhere.

    Raises:
        IntegrityError: it is no archive, or `against` holds no checkpoint.
        UsageError: a file cannot be read.
    """
    notes = _notes_of(against)
    archive = read_archive(path)
    # What is wrong with single files comes first; that the archive was written anew says no more than that.
    around = [fault for fault in archive.faults if fault.startswith(f"{path.name}: ")]
    faults, files = dict.fromkeys(fault for fault in archive.faults if fault not in around), archive.files
    try:
        about = read_pack(files)
    except IntegrityError as error:
        told = [] if PACK in archive.unread else [error.what]
        return PackVerified(path=str(path), faults=(*faults, *told, *around), num_files=len(files))
    checks = Checks(files=files, about=about, unread=archive.unread, faults=faults)
    for check in (checks.listed, checks.ledger, checks.records, checks.model, checks.binding):
        with checks.noted():
            check()
    if CHECKPOINTS in files:
        with checks.noted():
            kept = read_notes(files[CHECKPOINTS].decode(errors="replace"), where=CHECKPOINTS)
            checks.note(*disagreements(kept, checks.chain, where=CHECKPOINTS))
            notes = (*notes, *kept)
    if against is not None:
        checks.note(*disagreements(_notes_of(against), checks.chain, where=str(against)))
    packed_by = ""
    if SIGNATURE not in archive.unread:
        with checks.noted():
            packed_by = _packed_by(files, about.made_by, checks.chain)
    return PackVerified(
        path=str(path),
        faults=(*checks.faults, *around),
        num_files=len(files),
        run_id=about.run_id,
        model=about.model,
        digest=about.digest,
        has_model=about.has_model,
        num_events=len(checks.chain.events),
        signed="; ".join(_signed(checks.chain)),
        bound=checks.bound,
        unbound=checks.unbound,
        packed_by=packed_by,
        covered=min(max((note.size for note in notes), default=0), len(checks.chain.events)),
        read_next=f"{about.model}/{about.version or about.run_id}/evaluation-report.md",
    )


def _notes_of(against: Path | None) -> tuple[Checkpoint, ...]:
    if against is None:
        return ()
    with storage_errors(against, doing="read"):
        text = against.read_text(errors="replace")
    return read_notes(text, where=str(against))


def _signed(chain: Examined) -> Iterator[str]:
    since, number = chain.ring.signed_since, len(chain.events)
    if not since:
        yield "no event is signed" if number else "no event yet"
        return
    yield f"events {since} to {number} are signed" if number > since else f"event {since} is signed"
    for known in chain.ring.keys.values():
        revoked = f", revoked by event {known.revoked}" if known.revoked else ""
        yield f"{known.purpose} key {known.key.id} of {known.name}{revoked}"


def _packed_by(files: Mapping[str, bytes], made_by: str, chain: Examined) -> str:
    key = signer_of_pack(files)
    known = chain.ring.keys.get(key.id)
    if known is None or known.key != key:
        return f"key {key.id}, which calls itself {made_by}; the ledger does not know this key"
    revoked = f", and event {known.revoked} revoked" if known.revoked else ""
    return f"{known.purpose} key {key.id} of {known.name}, which the ledger knows since event {known.since}{revoked}"
