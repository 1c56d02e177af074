"""The work of one process on a run: what is handed from the doors to those who do it, and who that is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from raytemplate.errors import Interrupted, RaytemplateError
from raytemplate.execution.interrupted import interrupted
from raytemplate.execution.journal import Journal
from raytemplate.execution.run_log import logged
from raytemplate.ledger.head import Head
from raytemplate.ledger.opening import open_ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.records.submitted import SubmittedJob
from raytemplate.reports.listener import Listener
from raytemplate.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A run, and this process's part in it.

    Args:
        began: `time.monotonic()` when the clock of the budget began.
        own_process: this process is the run's own, and may be ended if it outlasts its time.
        again: the run was begun before.
    """

    plan: RunPlan
    journal: Journal
    workspace: Workspace
    listener: Listener
    began: float
    own_process: bool = False
    again: bool = False


def carry_out(work: Work) -> None:
    """Do it here or, where the run was submitted, follow the job that does it; its log says how that ended.

    Raises:
        Interrupted: by Ctrl-C, or told to end: says what is safe.
        RaytemplateError: how it failed; recorded as the run's end.
    """
    with logged(work.journal, work.listener) as heard:
        work = replace(work, listener=heard)
        try:
            # Importing takes long enough to be interrupted in, too.
            if work.journal.read(SubmittedJob) is None:
                from raytemplate.conducting.conduct import conduct

                conduct(work)
            else:
                from raytemplate.conducting.submitted import conduct_submitted

                conduct_submitted(work)
        except (KeyboardInterrupt, Interrupted) as error:
            head = head_if_known(work.workspace, work.plan.name)
            raise interrupted(error, work.journal, head) from error


def head_if_known(workspace: Workspace, model: str) -> Head | None:
    """For a person who is told that the work was interrupted: that comes first, whatever the ledger is worth."""
    with suppress(RaytemplateError):
        return open_ledger(workspace).head(model)
    return None
