"""Folders that a Ray of ours leaves in its temporary folder: logs, sockets, and what it has spilled to disk.

Tidying them away is never a reason to fail: others start and end at the same moment, and what cannot be removed stays.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from raytemplate.errors import RaytemplateError
from raytemplate.store.locks import FileLock, is_held

_MARK = "raytemplate"
"""A file in a session of ours: the process that started it holds its lock as long as it lives."""

_KEEP = 3
"""Of Rays that have ended, so many sessions stay, for whoever looks for what Ray had to say."""


def hold_mark(session: Path) -> None:
    """Mark a session as one of ours that is in use until this process ends; a later start may remove what it leaves."""
    with suppress(RaytemplateError):  # without a mark nobody removes it
        FileLock(session / _MARK, 0.0).__enter__()


def session_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where Ray puts its sessions: below RAY_TMPDIR, else TMPDIR, else /tmp. All three: earlier runs had other ones."""
    above = [environ.get("RAY_TMPDIR"), environ.get("TMPDIR"), "/tmp"]
    return tuple(dict.fromkeys(Path(folder) / "ray" for folder in above if folder))


def sweep_sessions(*folders: Path, note: Callable[[str], None] = lambda text: None) -> tuple[int, int]:
    """Remove sessions of our Rays whose process is gone, but for the newest three of each folder. Raises nothing.

    Args:
        folders: default: all of `session_folders`.
        note: hears what could not be looked at or removed.

    Returns:
        How many were removed, and their bytes.
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
        note(f"{folder}: not looked into for sessions of earlier runs: {error.strerror}")
        return []
    return sorted((one for one in found if _is_ours_and_ended(one)), key=lambda one: one.name, reverse=True)


def _is_ours_and_ended(session: Path) -> bool:
    """Of this user, with the mark of a process that is gone. Ray's link to the newest session is none itself.

    The number of the process alone does not tell: containers that share a temporary folder do not see each other's
    processes, but they see each other's locks. The lock alone does not tell either: earlier versions held none.
    """
    try:
        if session.is_symlink() or session.stat().st_uid != os.geteuid():
            return False
        os.kill(int((session / _MARK).read_text()), 0)
    except ProcessLookupError:
        with suppress(RaytemplateError):
            return not is_held(session / _MARK)
    except (OSError, OverflowError, ValueError):  # none of ours, or gone by now
        return False
    return False


def _remove(session: Path, note: Callable[[str], None]) -> bool:
    """Whether it is gone, whoever removed it: another start may do so at the same moment."""
    with suppress(OSError):
        shutil.rmtree(session, ignore_errors=True)
    if not os.path.lexists(session):
        return True
    note(f"{session}: a session of an earlier run that could not be removed")
    return False


def _bytes_of(folder: Path) -> int:
    """Of what is there while it is looked at."""
    total = 0
    for above, _, names in os.walk(folder):  # passes over folders that vanish or cannot be read
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(above, name)).st_size
    return total
