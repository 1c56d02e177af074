"""Exports a run as OpenLineage events: one when a process begins to work on it, one when that process has ended."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from raytemplate.engines.openlineage.sender import Sender
from raytemplate.errors import Interrupted, RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.reports.listener import Listener

_WAIT_S, _WAIT_INTERRUPTED_S = 4.0, 1.0
"""Seconds that an ended run waits for its last event to be sent, and those of a run that a person has interrupted."""


@contextmanager
def exported(to: str, journal: Journal, listener: Listener) -> Generator[None]:
    """Send the events of the run inside. Events that cannot be sent are reported once and logged; only a run that has
    ended waits for them.

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
        sender.send("FAIL", _told(error))
        _close(sender, _WAIT_S, listener)
        raise
    sender.send("COMPLETE")
    _close(sender, _WAIT_S, listener)


def _told(error: Exception) -> str:
    """What is sent about a failure: the text of the error may quote a value of the data, so it stays here."""
    code = error.exit_code if isinstance(error, RaytemplateError) else 1
    return f"{type(error).__name__}, exit code {code}; the records of the run have its text"


def _close(sender: Sender, wait_s: float, listener: Listener) -> None:
    if trouble := sender.close(wait_s):
        listener.note(f"warning: {trouble}")
