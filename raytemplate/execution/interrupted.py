"""What a person who stopped a run is told: what is safe, and how to resume."""

from contextlib import suppress

from raytemplate.errors import Interrupted, RaytemplateError, was_terminated
from raytemplate.execution.journal import Journal
from raytemplate.ledger.head import Head
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.run import RunEnd
from raytemplate.store.workspace import Workspace


def kept(journal: Journal) -> str:
    """What is kept of an unfinished run, as a clause to append to a sentence."""
    epochs = journal.epochs()
    return f"; training is kept up to epoch {epochs[-1].epoch}" if epochs else ""


def interrupted(error: BaseException, journal: Journal, head: Head | None) -> Interrupted:
    """The error of a run that was stopped by Ctrl-C or a signal, at any moment.

    Args:
        head: the current champion, because a promotion may have been committed before its record was written.
    """
    terminated = was_terminated(error)
    done = "; nothing was promoted"
    if head is not None and head.run_id == journal.run_id:
        done = f"; its candidate is the champion, version {head.version}"
    if journal.read(RunEnd) is not None:
        return Interrupted(
            f"{'terminated' if terminated else 'interrupted'}: run {journal.run_id} had ended already{done}",
            next_step=f"raytemplate show {journal.run_id}",
            terminated=terminated,
        )
    return Interrupted(
        f"{'terminated' if terminated else 'interrupted'}: run {journal.run_id} is unfinished{kept(journal)}{done}",
        next_step=f"raytemplate resume {journal.run_id}",
        terminated=terminated,
    )


def head_if_known(workspace: Workspace, model: str) -> Head | None:
    """The model's head; None if the ledger cannot be read, because a damaged ledger must not hide an interruption."""
    with suppress(RaytemplateError):
        return open_ledger(workspace).head(model)
    return None
