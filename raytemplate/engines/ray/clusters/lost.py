"""Whether the Ray that this process uses has gone, and what is done then: one error, told and recorded, exit code 8.

Two things notice it: the raylet's and the GCS's processes, where they are on this machine, and Ray's own C++ part,
which would end this process without a word (`exits`).
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
"""Ray's two processes without which nothing goes on, by the name of their program."""

OnLoss = Callable[[EngineError], RaytemplateError]


class _InUse:
    """The Ray in use, of which a process has one."""

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
    """While in here, a Ray in use that goes ends this process: `on_loss` records that, and then it is told.

    A command's own process ends at once; another, such as a notebook's, when Ray itself would end it.

    Args:
        on_loss: returns the error to be told, and ended with.
    """
    before, _now.on_loss = _now.on_loss, on_loss
    try:
        yield
    finally:
        _now.on_loss = before


def connecting() -> None:
    """Ray is about to be started, or connected to; that fails with an error of Ray's or, as later, with no word."""
    _now.stage, _now.watched, _now.over, _now.left = "ray", {}, threading.Event(), False
    instead_of_exit(_instead)
    to_stderr()


def in_use(addresses: Mapping[str, str | None], *, ours: bool) -> None:
    """It is connected; from now on it is noticed when it goes.

    Args:
        addresses: what `ray.init` returned as `address_info`.
        ours: it was started for this process, GCS and all; else only the raylet that this process speaks to counts, as
            a GCS may come back and Ray itself waits for it.
    """
    _now.watched = dict(_processes(addresses, ours)) if hasattr(os, "pidfd_open") else {}
    threading.Thread(target=_watch, args=(_now.over, tuple(_now.watched)), name="ray lost", daemon=True).start()


def in_stage(name: str) -> None:
    """What Ray is used for from now on, for the words of the error."""
    _now.stage = name


def out_of_use() -> None:
    """Nothing more is asked of this Ray: if it goes now, that is no loss."""
    _now.over.set()


def left() -> None:
    """This process is not connected any more: what another Ray does in it is none of ours."""
    _now.over.set()
    _now.left = True


def loss() -> EngineError | None:
    """The error to be told if a process of the Ray in use has gone."""
    if _now.over.is_set():
        return None
    looking = select.poll()  # `select` knows no descriptors above 1023
    for descriptor in _now.watched:
        looking.register(descriptor, select.POLLIN)
    gone = [descriptor for descriptor, event in looking.poll(0) if event & select.POLLIN]
    return _error(" and the ".join(sorted(_now.watched[one] for one in gone))) if gone else None


def _error(name: str) -> EngineError:
    what = f"the {name} was killed or ended by itself" if name else "its raylet or its GCS does not answer any more"
    return EngineError(_now.stage, f"Ray has gone in the middle of the work: {what}")


def _watch(over: threading.Event, watched: tuple[int, ...]) -> None:
    while not over.wait(_LOOK_S):
        error = loss()
        if error is not None and is_a_command() and not over.is_set():
            _end(error)
    for descriptor in watched:
        os.close(descriptor)


def _instead(code: int) -> None:
    """In place of the end that Ray would give this process. On return the thread that asked stands still."""
    if _now.left:
        os._exit(code)
    if not _now.over.is_set():
        _end(loss() or _error(""))


def _end(error: EngineError) -> None:
    _now.ended.acquire()  # the first is told, and the process ends with it
    told: RaytemplateError = error
    if _now.on_loss is not None:
        try:
            told = _now.on_loss(error)
        except Exception as second:  # the process ends in any case, and tells the first one
            error.add_note(f"the failure could not be recorded: {second}")
    end_now(told)


def _processes(addresses: Mapping[str, str | None], ours: bool) -> Iterator[tuple[int, str]]:
    """Descriptors of the raylet that this process speaks to and, if it is ours, of the GCS; and what each is."""
    marks = {"raylet": f"--raylet_socket_name={addresses['raylet_socket_name']}"}
    if ours:
        marks["gcs_server"] = f"--session-name={Path(addresses['session_dir'] or '').name}"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            program = Path(words[0]).name
            if program in marks and marks[program] in words:
                yield os.pidfd_open(int(path.parent.name)), _NAMES[program]
