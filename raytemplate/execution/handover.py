"""Shared storage: what goes out to a cluster, what comes back, and the check that it is what was asked for.

STORAGE/runs/RUN is a run folder like the workspace's, up to the evaluation; STORAGE/models holds the candidate and the
champion, STORAGE/kept the copies of rows that runs keep. Nothing that belongs to governance is stored there: no ledger,
no key, no path to either.
"""

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from raytemplate.budget import Spent
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.labels import LABELS
from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import EPOCHS, LOCK, STARTS, TRIALS, Journal
from raytemplate.execution.kept_copy import bring_copy
from raytemplate.execution.lock import read_lock
from raytemplate.planning.inventory import Champion
from raytemplate.records import codec
from raytemplate.records.contracted import QUARANTINE
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.profiled import DataProfile
from raytemplate.records.run import RunStart
from raytemplate.records.submitted import ClusterWork, SubmittedJob
from raytemplate.records.swept import SweepResult
from raytemplate.store.atomic import storage_errors, write_atomic
from raytemplate.store.clock import now_at
from raytemplate.store.content_store import ContentStore

_HANDOVER = "handover.json"
_PLAIN = ("profile.json", LABELS, QUARANTINE, EPOCHS, STARTS, TRIALS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """What a cluster is told besides the plan."""

    champion: Champion | None
    """The champion to compare with."""
    spent_s: float
    """Seconds already spent on the run."""
    spent_usd: float = 0.0
    """US dollars already spent on the run."""


def shared_journal(storage: Path, run_id: str) -> Journal:
    """The run's folder in shared storage."""
    return Journal(storage / "runs" / run_id)


def spent_on(journal: Journal, usd_per_s: float) -> Spent:
    """What was spent on a run, as counted locally or by the cluster it was submitted to: whichever counted more.

    The submitter may not have waited, and only the cluster knows which resources the run held.

    Args:
        usd_per_s: the price of what the run holds from start to end, including after its cluster has gone.
    """
    here, job = journal.spent(), journal.read(SubmittedJob)
    if job is None:
        return here
    there = shared_journal(Path(job.storage), journal.run_id).spent()
    more = max(here, there, key=lambda one: one.seconds)
    afterwards = usd_per_s * max(0.0, here.seconds - there.seconds) if there.seconds else 0.0
    return Spent(seconds=more.seconds, usd=max(here.usd, there.usd + afterwards), unpriced_s=more.unpriced_s)


def candidate_of(journal: Journal) -> Journal:
    """The journal that records the run's candidate: its own, or the one in shared storage if it was submitted."""
    job = journal.read(SubmittedJob)
    return journal if job is None else shared_journal(Path(job.storage), journal.run_id)


def shared_store(storage: Path) -> ContentStore:
    """The models in shared storage."""
    return ContentStore(storage / "models")


def hand_out(storage: Path, journal: Journal, store: ContentStore, handover: Handover) -> None:
    """Copy a run to shared storage. A repeated call supersedes the shared records that were superseded locally.

    Raises:
        UsageError: the storage cannot be written.
    """
    shared = shared_journal(storage, journal.run_id)
    with storage_errors(shared.folder):
        shared.folder.mkdir(parents=True, exist_ok=True)
        shared_store(storage).root.mkdir(exist_ok=True)
    for kind in (Evaluation, ClusterWork):
        if journal.read(kind) is None:
            shared.supersede(kind)
    if handover.champion is not None and store.path(handover.champion.digest).is_dir():
        shared_store(storage).put(store.path(handover.champion.digest))
    shared.write(journal.need(RunStart))
    for folder in (journal.folder, shared.folder):
        write_atomic(folder / _HANDOVER, codec.dumps(handover))
    if journal.code.is_dir():
        with storage_errors(shared.code):
            copytree(journal.code, shared.code, dirs_exist_ok=True)
    shared.keep(LOCK, (journal.folder / LOCK).read_bytes())


def read_handover(journal: Journal) -> Handover:
    """What the cluster was told.

    Raises:
        IntegrityError: the file is missing or damaged.
    """
    path = journal.folder / _HANDOVER
    if not path.exists():
        raise IntegrityError(f"{path}: missing; the run was not handed out", next_step="start a new run")
    return codec.loads(Handover, path.read_bytes(), where=str(path))


def waited_since_handover_s(shared: Journal) -> float:
    """Seconds since a run was handed out, by the storage's clock, because two machines' clocks may differ."""
    try:
        return max(0.0, now_at(shared.folder) - (shared.folder / _HANDOVER).stat().st_mtime)
    except OSError:
        return 0.0


def spent_until_job(shared: Journal, here_s: float, usd_per_s: float) -> Spent:
    """What was spent on a run until its job began. Time in the cluster's queue counts like any other, in seconds and in
    US dollars.

    Args:
        here_s: seconds since the job began, which the job's own meter counts.
        usd_per_s: the price of what the run holds from start to end.
    """
    handover, waited_s = read_handover(shared), max(0.0, waited_since_handover_s(shared) - here_s)
    return Spent(seconds=handover.spent_s + waited_s, usd=handover.spent_usd + waited_s * usd_per_s)


def copy_handover(storage: Path, journal: Journal) -> None:
    """Copy what the cluster was told into a workspace that did not send it."""
    path = shared_journal(storage, journal.run_id).folder / _HANDOVER
    write_atomic(journal.folder / _HANDOVER, path.read_bytes())


def bring_back(storage: Path, journal: Journal, store: ContentStore) -> bool:
    """Copy the records that the cluster has written so far; True once the evaluation is among them.

    The model's bytes are copied before the record that names them, and the evaluation last, once all records agree.
    A copy of the rows that the cluster kept comes too: the run is made again from it.

    Raises:
        IntegrityError: bytes do not match their digest, or records do not belong to this plan.
    """
    bring_records(storage, journal)
    shared = shared_journal(storage, journal.run_id)
    fit, evaluation, work = shared.read(FitResult), shared.read(Evaluation), shared.read(ClusterWork)
    if fit is None or evaluation is None or work is None:
        return False
    _check(journal, shared, fit, evaluation)
    store.put(shared_store(storage).open(fit.candidate.digest))
    bring_copy(storage, journal, journal.need(Snapshot))
    for record in (fit, work, evaluation):
        journal.write(record)
    return True


def bring_records(storage: Path, journal: Journal) -> None:
    """Copy what is known before training has ended: what was read, and the epochs so far."""
    shared = shared_journal(storage, journal.run_id)
    for name in _PLAIN:
        if (shared.folder / name).exists():
            write_atomic(journal.folder / name, (shared.folder / name).read_bytes())
    for kind in (Snapshot, DataProfile, FittedFeatures, SweepResult):
        record, known = shared.read(kind), journal.read(kind)
        # The fitted features change once, if the winner of a sweep has different ones.
        if record is not None and (known is None or (kind is FittedFeatures and known != record)):
            journal.write(record)


def _check(journal: Journal, shared: Journal, fit: FitResult, evaluation: Evaluation) -> None:
    """Check that every record belongs to the plan that was sent, to one candidate and to the champion sent along."""
    snapshot, champion = journal.need(Snapshot), read_handover(journal).champion
    compared = evaluation.champion_ref
    agree = {
        "the plan": fit.candidate.plan_id == read_lock(journal).plan.id,
        "the candidate": evaluation.candidate_digest == fit.candidate.digest,
        "the snapshot": evaluation.test_snapshot == fit.candidate.snapshot == snapshot.digest,
        "the champion": (compared.digest if compared else "") == (champion.digest if champion else ""),
        "the term": evaluation.term == (champion.term if champion else 0),
    }
    wrong = [name for name, right in agree.items() if not right]
    if wrong:
        raise IntegrityError(
            f"{shared.folder}: what the cluster handed back differs in {', '.join(wrong)} from what "
            "was sent; nothing was judged",
            next_step="start a new run",
        )
