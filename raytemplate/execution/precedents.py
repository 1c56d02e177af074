"""What was judged before a candidate: looked up when it is first judged, and kept with its run."""

from collections.abc import Iterator

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import RECORDS, Journal
from raytemplate.execution.lock import read_lock
from raytemplate.planning.made_from import knows_rows, made_from
from raytemplate.planning.masks import hashes_features
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Precedents


def take_precedents(journal: Journal, plan: RunPlan, evaluation: Evaluation) -> Precedents:
    """The run's record of what was judged before its candidate; made again if the test rows or the champion changed."""
    kept, champion = journal.read(Precedents), evaluation.champion_ref
    digest = champion.digest if champion else ""
    on_these = kept if kept is not None and kept.test_rows == evaluation.test_rows else None
    if on_these is not None and on_these.champion_digest == digest:
        return on_these
    found = Precedents(
        model=plan.name,
        candidate_digest=evaluation.candidate_digest,
        test_rows=evaluation.test_rows,
        nth=on_these.nth if on_these else _nth(journal, plan.name, evaluation),
        champion_digest=digest,
        same_as_champion=champion is not None and _made_alike(journal, plan, champion.run_id),
    )
    journal.write(found)
    return found


def _nth(journal: Journal, model: str, evaluation: Evaluation) -> int:
    """The ordinal of this candidate among those judged on these rows; one that was judged before keeps its number.

    Candidates that a variant makes for show have no such record, nor do runs that failed before they were judged.
    """
    if not evaluation.test_rows:
        return 0
    before = {
        one.candidate_digest: one.nth
        for one in _of_other_runs(journal)
        if (one.model, one.test_rows) == (model, evaluation.test_rows)
    }
    return before.get(evaluation.candidate_digest, len(before) + 1)


def _of_other_runs(journal: Journal) -> Iterator[Precedents]:
    for path in journal.folder.parent.glob(f"*/{RECORDS[Precedents]}"):
        if path.parent == journal.folder:
            continue
        try:
            yield codec.loads(Precedents, path.read_bytes())
        except (OSError, IntegrityError):
            continue  # being written, or damaged: `runs` names that run, and it must not block the judging of others


def _made_alike(journal: Journal, plan: RunPlan, run_id: str) -> bool:
    """Whether the champion's run was made from the same things, apart from seeds; False if its records are gone."""
    champions = Journal(journal.folder.parent / run_id)
    try:
        alike = made_from(read_lock(champions).plan) == made_from(plan)
        before, now = champions.read(Snapshot), journal.read(Snapshot)
    except IntegrityError:
        return False
    if not alike or before is None or now is None:
        return alike
    same_key = not hashes_features(plan.ingest) or before.mask_key == now.mask_key
    return same_key and (knows_rows(plan) or _read(before) == _read(now))


def _read(snapshot: Snapshot) -> list[str]:
    """Digests of what was read."""
    return [file.sha256 for file in snapshot.files]
