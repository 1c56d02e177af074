"""The work of one process on a run: what is handed from the doors to those who conduct it."""

from dataclasses import dataclass

from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
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
