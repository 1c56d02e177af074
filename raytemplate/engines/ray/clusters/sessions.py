"""Removes what our own Rays leave in their temporary folder: logs, sockets and data spilled to disk.

Cleaning up never fails a run: others start and end at the same moment, and what cannot be removed stays.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from raytemplate.errors import RaytemplateError
from raytemplate.store.locks import FileLock, is_held

_MARK = "raytemplate"
"""Name of a file in each of our sessions; the process that started the session holds its lock as long as it lives."""

_KEEP = 3
"""Sessions of ended Rays that are kept in each folder, for people who look for Ray's logs."""


def hold_mark(session: Path) -> None:
    """Mark a session as ours and in use until this process ends; after that, a later start may remove it."""
    with suppress(RaytemplateError):  # without a mark it is never removed
        FileLock(session / _MARK, 0.0).__enter__()


def session_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders in which Ray may have put sessions: below RAY_TMPDIR, TMPDIR and /tmp.

    Ray takes the first that is set; all are listed because earlier runs may have had other settings.
    """
    above = [environ.get("RAY_TMPDIR"), environ.get("TMPDIR"), "/tmp"]
    return tuple(dict.fromkeys(Path(folder) / "ray" for folder in above if folder))


def sweep_sessions(*folders: Path, note: Callable[[str], None] = lambda text: None) -> tuple[int, int]:
    """Remove our sessions whose process is gone, except the newest three of each folder. Never raises.

    Args:
        folders: default: all of `session_folders`.
        note: called with a line for everything that could not be searched or removed.

    Returns:
        The number of sessions removed, and their size in bytes.
    """
    num_removed, num_bytes = 0, 0
    for folder in folders or session_folders(os.environ):
        for session in _ended(folder, note)[_KEEP:]:
            size = _bytes_of(session)
            if _remove(session, note):
                num_removed, num_bytes = num_removed + 1, num_bytes + size
    return num_removed, num_bytes


def _ended(folder: Path, note: Callable[[str], None]) -> list[Path]:
    """Our sessions whose process is gone, the newest first."""
    try:
        found = [Path(entry.path) for entry in os.scandir(folder) if entry.name.startswith("session_")]
    except FileNotFoundError:
        return []
    except OSError as error:
        note(f"{folder}: could not be searched for sessions of earlier runs: {error.strerror}")
        return []
    return sorted((one for one in found if _is_ours_and_ended(one)), key=lambda one: one.name, reverse=True)


def _is_ours_and_ended(session: Path) -> bool:
    """Whether a session is this user's and marked by a process that is gone. Ray's link to the newest does not count.

    The process id alone is not enough: containers that share a temporary folder do not see each other's processes, but
    they see each other's locks. The lock alone is not enough either: earlier versions held none.
    """
    try:
        if session.is_symlink() or session.stat().st_uid != os.geteuid():
            return False
        os.kill(int((session / _MARK).read_text()), 0)
    except ProcessLookupError:
        with suppress(RaytemplateError):
            return not is_held(session / _MARK)
    except (OSError, OverflowError, ValueError):  # not ours, or gone by now
        return False
    return False


def _remove(session: Path, note: Callable[[str], None]) -> bool:
    """Remove a session; returns whether it is gone, even if another start removed it at the same moment."""
    with suppress(OSError):
        shutil.rmtree(session, ignore_errors=True)
    if not os.path.lexists(session):
        return True
    note(f"{session}: a session of an earlier run that could not be removed")
    return False


def _bytes_of(folder: Path) -> int:
    """Bytes of the files below a folder; files that vanish meanwhile do not count."""
    total = 0
    for above, _, names in os.walk(folder):  # skips folders that vanish or cannot be read
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(above, name)).st_size
    return total
