"""Sends events beside a run: in a thread of its own, each within a few seconds, and nothing that fails is raised."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.redact import redact
from raytemplate.secret import is_reference, resolve

if TYPE_CHECKING:
    from openlineage.client.transport.transport import Transport

FIELD = "tracking.openlineage"
API_KEY = "OPENLINEAGE_API_KEY"
"""The environment variable of OpenLineage's clients that holds the key of a server."""
_INSTALL = "openlineage-python is not installed: pip install 'raytemplate[lineage]'"
_REQUEST_S = 3.0
"""Seconds that a server may take to accept a connection, and to answer."""


Happened = Literal["START", "COMPLETE", "FAIL", "ABORT"]


class Sender:
    """Sends events of a run to a file or a server, in the order in which they are given.

    Args:
        journal: the run's records, which the events tell.
        to: a file, to which events are added one a line; a server's URL; or a reference to one.
    """

    def __init__(self, journal: Journal, to: str) -> None:
        self._journal, self._to, self._trouble = journal, to, ""
        self._events: SimpleQueue[tuple[Happened, str] | None] = SimpleQueue()
        self._num_failed = self._num_given = self._num_done = 0
        # A daemon: a server that does not answer must not keep the process alive.
        self._thread = threading.Thread(target=self._send_all, name="openlineage", daemon=True)
        self._thread.start()

    def send(self, happened: Happened, message: str = "") -> None:
        """Send an event. It is made in the sender's thread, where the client is also imported.

        Args:
            message: why the run failed or was ended; "" if it did not or was not.
        """
        self._num_given += 1
        self._events.put((happened, message))

    def close(self, wait_s: float) -> str:
        """Wait for what was given, but not longer than `wait_s` seconds. Returns what went wrong; "" if nothing did."""
        self._events.put(None)
        self._thread.join(wait_s)
        num_lost = self._num_failed + self._num_given - self._num_done
        if not num_lost:
            return ""
        trouble = self._trouble or f"no answer within {wait_s:g} s"
        to = "" if is_reference(self._to) else f" to {self._to}"
        return redact(f"{num_lost} of {self._num_given} OpenLineage events were not sent{to}: {trouble}")

    def _send_all(self) -> None:
        transport: Transport | None = None
        while (given := self._events.get()) is not None:
            try:
                from raytemplate.engines.openlineage.events import run_event

                transport = transport or transport_to(resolve(self._to, FIELD, os.environ))
                transport.emit(run_event(self._journal, *given))
            except Exception as error:  # an event that is not sent must not change how the run ends
                self._num_failed += 1
                self._trouble = self._trouble or _told(error)
            self._num_done += 1


def transport_to(to: str) -> Transport:
    """The transport of OpenLineage's client to a file or a server.

    Not the client itself: it would add the address of the git remote, which may hold a token, and facets that files
    and environment variables of other programs ask for.
    """
    if not to.startswith(("http://", "https://")):
        from openlineage.client.transport.file import FileConfig, FileTransport

        return FileTransport(FileConfig(log_file_path=to, append=True))
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

    key = os.environ.get(API_KEY, "")
    auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
    retry: dict[str, Any] = {"total": 0}
    return HttpTransport(HttpConfig(url=to, timeout=_REQUEST_S, auth=auth, retry=retry))


def _told(error: Exception) -> str:
    """Why an event was not sent, in a line."""
    match error:
        case RaytemplateError():
            return error.what
        case ImportError():
            return _INSTALL
        case _:
            pass
    from requests import ConnectionError as Unreachable
    from requests import HTTPError, Timeout

    match error:
        case Timeout():
            return f"no answer within {_REQUEST_S:g} s"
        case HTTPError() if error.response is not None:
            return f"the server answered {error.response.status_code} {error.response.reason}"
        case Unreachable():
            return "the server cannot be reached"
        case _:
            return (str(error).splitlines() or [type(error).__name__])[0]
