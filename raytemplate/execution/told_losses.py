"""Tells a listener once about every loss of workers, when training has resumed after it or has ended."""

from raytemplate.execution.journal import Journal
from raytemplate.reports.listener import Listener


class LossesTold:
    """Keeps track of the losses already reported.

    Args:
        num_told: losses that an earlier process has already reported.
    """

    def __init__(self, listener: Listener, num_told: int = 0) -> None:
        self._listener, self._num_told = listener, num_told

    def tell(self, journal: Journal) -> None:
        """Report the losses since the last call."""
        restarts = journal.restarts()
        for one in restarts[self._num_told :]:
            after = f"resumes after epoch {one.from_epoch}" if one.from_epoch else "starts over"
            then = f"; training {after}, workers: {one.num_workers}" if one.num_workers else ""
            self._listener.note(f"workers were lost: {one.short}{then}")
        self._num_told = len(restarts)
