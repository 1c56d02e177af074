"""What the API hands to `conducting`: a run, and the part that this process has in it."""

from dataclasses import dataclass

from raytemplate.execution.journal import Journal
from raytemplate.planning.inventory import Champion
from raytemplate.planning.stages import RunPlan
from raytemplate.reports.listener import Listener
from raytemplate.store.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A run, and this process's part in it."""

    plan: RunPlan
    """The plan to execute."""
    journal: Journal
    """The run's records."""
    workspace: Workspace
    """The workspace of the run."""
    listener: Listener
    """Shows progress to the user."""
    began: float
    """`time.monotonic()` when the clock of the budget began."""
    own_process: bool = False
    """Whether this process is the run's own, and may be ended if it outlasts its time."""
    again: bool = False
    """Whether the run is resumed."""
    judged: bool = True
    """Whether the candidate is judged. If not, the work ends with its evaluation, against no champion, and the
    candidate stays in the run's folder."""
    against: Champion | None = None
    """If it is not judged: a champion that it is compared with nevertheless, whose bytes are in the run's folder."""
