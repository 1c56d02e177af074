"""Exports a run as OpenLineage events: one when a process begins to work on it, one when that process has ended."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from raytemplate.engines.openlineage.sender import Sender
from raytemplate.errors import Interrupted
from raytemplate.execution.journal import Journal
from raytemplate.reports.listener import Listener

_WAIT_S, _WAIT_INTERRUPTED_S = 4.0, 1.0
"""Seconds that an ended run waits for its last event to be sent, and those of a run that a person has interrupted."""


@contextmanager
def exported(to: str, journal: Journal, listener: Listener) -> Generator[None]:
    """Send the events of the run inside; what cannot be sent is told once, and logged. The run is not held up.

    Args:
        to: the plan's `tracking.openlineage`; "" sends nothing.
    """
    if not to:
        yield
        return
    sender = Sender(journal, to)
    sender.send("START")
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:
        sender.send("ABORT", str(error))
        _close(sender, _WAIT_INTERRUPTED_S, listener)
        raise
    except Exception as error:  # sent whatever it is, then raised again
        sender.send("FAIL", str(error) or type(error).__name__)
        _close(sender, _WAIT_S, listener)
        raise
    sender.send("COMPLETE")
    _close(sender, _WAIT_S, listener)


def _close(sender: Sender, wait_s: float, listener: Listener) -> None:
    if trouble := sender.close(wait_s):
        listener.note(f"warning: {trouble}")
