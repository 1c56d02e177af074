"""Detects that the Ray this process uses has died, and ends with one error, shown and recorded, with exit code 8.

It is noticed in two ways: by watching the processes of the raylet and the GCS, if they run on this machine, and through
Ray's own C++ code, which would end this process silently (`exits`).
"""

import os
import select
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from raytemplate.ending import end_now, is_a_command
from raytemplate.engines.ray.private.exits import instead_of_exit
from raytemplate.engines.ray.private.messages import to_stderr
from raytemplate.errors import EngineError, RaytemplateError

_LOOK_S = 0.2
_NAMES = {"raylet": "raylet", "gcs_server": "GCS"}
"""The two processes that Ray cannot do without: program name to display name."""

OnLoss = Callable[[EngineError], RaytemplateError]


class _InUse:
    """The Ray in use. A process has at most one."""

    def __init__(self) -> None:
        self.stage = "ray"
        self.on_loss: OnLoss | None = None
        self.watched: dict[int, str] = {}
        self.over = threading.Event()
        self.over.set()
        self.left = True
        self.ended = threading.Lock()


_now = _InUse()


@contextmanager
def ending_with_ray(on_loss: OnLoss) -> Generator[None]:
    """Within this context, losing the Ray in use ends this process: `on_loss` records the loss, then it is reported.

    The process of a command ends at once; any other, such as a notebook's, only when Ray itself would end it.

    Args:
        on_loss: returns the error to show and exit with.
    """
    before, _now.on_loss = _now.on_loss, on_loss
    try:
        yield
    finally:
        _now.on_loss = before


def connecting() -> None:
    """Call before starting Ray or connecting to it. Failing to do so raises an error, or ends the process silently."""
    _now.stage, _now.watched, _now.over, _now.left = "ray", {}, threading.Event(), False
    instead_of_exit(_instead)
    to_stderr()


def in_use(addresses: Mapping[str, str | None], *, ours: bool) -> None:
    """Call once connected; from now on, losing Ray is noticed.

    Args:
        addresses: what `ray.init` returned as `address_info`.
        ours: whether Ray was started for this process, including the GCS. If not, only the raylet that this process
            talks to is watched: a GCS may come back, and Ray itself waits for it.
    """
    _now.watched = dict(_processes(addresses, ours)) if hasattr(os, "pidfd_open") else {}
    threading.Thread(target=_watch, args=(_now.over, tuple(_now.watched)), name="ray lost", daemon=True).start()


def in_stage(name: str) -> None:
    """Set the stage that Ray is used for from now on, to be named in the error."""
    _now.stage = name


def out_of_use() -> None:
    """Call when this Ray is no longer needed: if it ends now, that is no loss."""
    _now.over.set()


def left() -> None:
    """Call when this process is no longer connected: what another Ray does in it is not our concern."""
    _now.over.set()
    _now.left = True


def loss() -> EngineError | None:
    """The error to show if a process of the Ray in use has ended; None if all are running."""
    if _now.over.is_set():
        return None
    looking = select.poll()  # `select` cannot handle descriptors above 1023
    for descriptor in _now.watched:
        looking.register(descriptor, select.POLLIN)
    gone = [descriptor for descriptor, event in looking.poll(0) if event & select.POLLIN]
    return _error(" and the ".join(sorted(_now.watched[one] for one in gone))) if gone else None


def _error(name: str) -> EngineError:
    what = f"the {name} was killed or ended by itself" if name else "its raylet or its GCS no longer answers"
    return EngineError(_now.stage, f"Ray has gone in the middle of the work: {what}")


def _watch(over: threading.Event, watched: tuple[int, ...]) -> None:
    while not over.wait(_LOOK_S):
        error = loss()
        if error is not None and is_a_command() and not over.is_set():
            _end(error)
    for descriptor in watched:
        os.close(descriptor)


def _instead(code: int) -> None:
    """Called when Ray would end this process. After it returns, the calling thread sleeps forever."""
    if _now.left:
        os._exit(code)
    if not _now.over.is_set():
        _end(loss() or _error(""))


def _end(error: EngineError) -> None:
    _now.ended.acquire()  # never released: the first error is shown, and the process ends with it
    told: RaytemplateError = error
    if _now.on_loss is not None:
        try:
            told = _now.on_loss(error)
        except Exception as second:  # the process ends in any case, and shows the first error
            error.add_note(f"the failure could not be recorded: {second}")
    end_now(told)


def _processes(addresses: Mapping[str, str | None], ours: bool) -> Iterator[tuple[int, str]]:
    """Process descriptors, with their names, of the raylet that this process talks to and, if ours, of the GCS."""
    marks = {"raylet": f"--raylet_socket_name={addresses['raylet_socket_name']}"}
    if ours:
        marks["gcs_server"] = f"--session-name={Path(addresses['session_dir'] or '').name}"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            program = Path(words[0]).name
            if program in marks and marks[program] in words:
                yield os.pidfd_open(int(path.parent.name)), _NAMES[program]
