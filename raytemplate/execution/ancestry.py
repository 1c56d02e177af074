"""The snapshots that models behind a candidate have seen: the one it was trained from, and whose features it takes."""

from raytemplate.execution.journal import Journal
from raytemplate.ledger.head import Ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.records.fitted import WarmStart


def seen_before(journal: Journal, plan: RunPlan, ledger: Ledger) -> tuple[str, ...]:
    """Digests of these snapshots, as far as the ledger knows the models; without repeats."""
    found: dict[str, None] = {}
    for model, digest in _behind(journal, plan):
        versions = {version.version for version in ledger.history(model).versions if version.digest == digest}
        for version, seen in ledger.seen(model).items():
            found |= dict.fromkeys(seen if version in versions else ())
    return tuple(found)


def _behind(journal: Journal, plan: RunPlan) -> list[tuple[str, str]]:
    """Name of a model and digest of its files, for each."""
    warm, taken = journal.read(WarmStart), plan.ingest.taken
    found = [(plan.name, warm.digest)] if warm is not None and warm.digest and not warm.problem else []
    return [*found, *([(taken.model, taken.model_digest)] if taken is not None else [])]
