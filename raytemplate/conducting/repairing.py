"""Runs that MLflow was not told of when it did not answer: told now, by `ledger repair`."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from raytemplate.engines.mlflow.mirror import UNTOLD, Mirror
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.history.run_list import list_runs
from raytemplate.records.mended import Mended
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.locks import is_held
from raytemplate.store.workspace import Workspace


def with_runs(mended: Mended, workspace: Workspace, mirror: Callable[[str], Mirror]) -> Mended:
    """What was mended of a model, and now of its runs too.

    Args:
        mirror: MLflow's copy at a tracking URI.
    """
    found, left = list(mended.found), list(mended.left)
    for journal in _untold(workspace, mended.model):
        plan = read_lock(journal).plan
        if mirror(plan.promote.tracking_uri).bring_in_line(plan, journal):
            found.append(f"MLflow was not told of run {journal.run_id}")
            continue
        record = journal.read(PromotionRecord)
        why = record.warning if record is not None else "MLflow could not be brought in line"
        left.append(f"run {journal.run_id}: {why}")
        return replace(mended, found=tuple(found), left=tuple(left), unavailable=True)
    return replace(mended, found=tuple(found), left=tuple(left))


def _untold(workspace: Workspace, model: str) -> Iterator[Journal]:
    """The runs of a model that have ended and that MLflow lacks or has as they were before."""
    for run in list_runs(workspace, name=model):
        record = run.journal.read(PromotionRecord)
        behind = (record is not None and not record.projected) or (run.journal.folder / UNTOLD).exists()
        if behind and not is_held(run.journal.active):
            yield run.journal
