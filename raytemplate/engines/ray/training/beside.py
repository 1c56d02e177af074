"""Trains in a thread, while the calling thread reports epochs, reacts to Ctrl-C and watches the time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from raytemplate.budget import Meter
from raytemplate.engines.ray.trouble import translate
from raytemplate.errors import BudgetSpent
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import OnEpoch
from raytemplate.execution.standing import standing

_POLL_S = 0.1
_BEFORE_S = 0.3
"""Seconds before the end of the budget at which training is abandoned if it has not ended: its last checkpoint still
becomes a candidate."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Moments on the monotonic clock, for training that does not stop by itself."""

    told: float
    """When it is told to end."""
    left: float
    """When it is abandoned."""


def ends_of(meter: Meter) -> Ends:
    """The moments for a run with this meter.

    Half of the time reserved for judging may be used by training that does not end when its own time is up.
    """
    now, left_s, train_s = time.monotonic(), meter.remaining_s(), meter.training_remaining_s()
    return Ends(told=now + (left_s + train_s) / 2, left=now + left_s - _BEFORE_S)


def beside(
    work: Callable[[], object],
    ends: Ends,
    journal: Journal,
    on_epoch: OnEpoch,
    meter: Meter,
    tell: Callable[[], object] = lambda: None,
) -> bool:
    """Do the work. Returns whether it ended by itself; if not, there is a checkpoint that may be judged.

    Args:
        work: trains.
        ends: when to tell it to end, and when to abandon it.
        on_epoch: called for each new epoch in the journal.
        tell: tells the work to end; called more than once.

    Raises:
        BudgetSpent: time ran out, and there is no checkpoint.
        BaseException: what the work raised.
    """
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
            outcome.append(None)
        except BaseException as error:  # handed to the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=run, name="train", daemon=True)
    seen = len(journal.told_epochs())
    thread.start()
    while thread.is_alive() and time.monotonic() < ends.left:
        if time.monotonic() > ends.told:
            tell()
        thread.join(min(_POLL_S, max(0.0, ends.left - time.monotonic())))
        epochs = journal.told_epochs()
        for record in epochs[seen:]:
            on_epoch(record)
        seen = len(epochs)
    if outcome and outcome[0] is None:
        return True
    if outcome and outcome[0] is not None and not isinstance(translate("fit", outcome[0]), BudgetSpent):
        raise outcome[0]
    tell()
    if standing(journal).checkpoint is not None:
        return False
    raise BudgetSpent(
        f"{meter.told()} were spent, and training had left no checkpoint",
        next_step=f"raise {meter.ended_by()}, or see in ray.log what its workers were doing",
    )
