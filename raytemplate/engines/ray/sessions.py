"""Folders that a Ray of ours leaves in its temporary folder: logs, sockets, and what it has spilled to disk."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

_MARK = "raytemplate"
_KEEP = 3
"""Of Rays that have ended, so many sessions stay, for whoever looks for what Ray had to say."""


def mark_session() -> None:
    """Say of this process's Ray that it is ours, so that a later start may take away what it leaves."""
    import ray._private.worker as worker

    node = worker._global_node  # pyright: ignore[reportPrivateUsage]
    if node is not None:
        with suppress(OSError):
            (Path(node.get_session_dir_path()) / _MARK).write_text(str(os.getpid()))


def sweep_sessions(folder: Path = Path("/tmp/ray")) -> tuple[int, int]:
    """Remove sessions of our Rays whose process is gone, but for the newest three; how many, and their bytes."""
    ended = [session for session in folder.glob("session_*") if _has_ended(session / _MARK)]
    ended.sort(key=lambda session: session.name, reverse=True)
    num_bytes = sum(_bytes_of(session) for session in ended[_KEEP:])
    for session in ended[_KEEP:]:
        shutil.rmtree(session, ignore_errors=True)
    return len(ended[_KEEP:]), num_bytes


def _has_ended(mark: Path) -> bool:
    try:
        pid = int(mark.read_text())
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):  # none of ours, or of another user
        return False
    return False


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total
