"""Facts about processes of this machine, from /proc."""

import os
import time
from contextlib import suppress
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")
_ITS_SHARE, _LEAST_WAIT = 0.5, 0.2
"""Shares of a period of time. A process does not lack CPU if it has used one CPU for `_ITS_SHARE` of the period, or has
waited for one for less than `_LEAST_WAIT`."""


def below(top: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parents[int(stat.parent.name)] = int(_fields(stat)[1])
    found: set[int] = {top}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {top}


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped (SIGSTOP, Ctrl-Z) and runs no code at all."""
    return _state(Path(f"/proc/{pid}/stat")) == "T"


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that waits for its parent."""
    return _state(Path(f"/proc/{pid}/stat")) in ("", "Z", "X")


def wants_cpu(pid: int, for_s: float) -> bool:
    """Whether a process, watched for `for_s` seconds, is ready to run but hardly gets CPU, as on a busy machine."""
    used_s, waited_s = _used_s(pid), _waited_s(pid)
    time.sleep(for_s)
    ready = any(_state(stat) == "R" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
    waited = _waited_s(pid) - waited_s > _LEAST_WAIT * for_s
    return (ready or waited) and _used_s(pid) - used_s < _ITS_SHARE * for_s


def _waited_s(pid: int) -> float:
    """Seconds that the threads of a process have been ready to run but had to wait for a CPU, summed."""
    total = 0
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):  # ns on a CPU, ns waiting for one, time slices
        with suppress(OSError, ValueError, IndexError):
            total += int(stat.read_text().split()[1])
    return total / 1e9


def _used_s(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        fields = _fields(Path(f"/proc/{pid}/stat"))
        return (int(fields[11]) + int(fields[12])) / _TICKS_S
    return 0.0


def _state(stat: Path) -> str:
    with suppress(OSError, IndexError):
        return _fields(stat)[0]
    return ""


def _fields(stat: Path) -> list[str]:
    """The fields after the process name, which may contain blanks and brackets."""
    return stat.read_text().rpartition(")")[2].split()
