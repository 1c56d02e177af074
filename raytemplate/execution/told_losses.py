"""Tells a listener once of every loss of workers, when training has gone on after it or has ended."""

from raytemplate.execution.journal import Journal
from raytemplate.reports.listener import Listener


class LossesTold:
    """What was told so far.

    Args:
        num_told: losses of before, which nobody needs to hear of again.
    """

    def __init__(self, listener: Listener, num_told: int = 0) -> None:
        self._listener, self._num_told = listener, num_told

    def tell(self, journal: Journal) -> None:
        """The losses since it was last asked to tell."""
        restarts = journal.restarts()
        for one in restarts[self._num_told :]:
            after = f"goes on after epoch {one.from_epoch}" if one.from_epoch else "begins anew"
            then = f"; training {after}, workers: {one.num_workers}" if one.num_workers else ""
            self._listener.note(f"workers were lost: {one.short}{then}")
        self._num_told = len(restarts)
