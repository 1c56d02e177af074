"""Files that exist completely or not at all, even after a power cut."""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from raytemplate.errors import RaytemplateError, Unavailable, UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)
_BAD_PATH = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST)
_MODE = 0o644


def write_atomic(path: Path, data: bytes, *, mode: int = _MODE, durable: bool = True) -> None:
    """Put `data` at `path`: a reader sees the old bytes or the new ones, never a part.

    Args:
        mode: the file's permissions, less the process's umask.
        durable: whether this also holds after a power cut. A cache whose entries carry their digest need not wait for
            the disk.

    Raises:
        Unavailable: the disk is full or broken; `path` is as it was.
        UsageError: `path` cannot be written by this user, or cannot be a file.
    """
    temporary = temporary_beside(path)
    with storage_errors(path):
        try:
            _write_new(temporary, data, mode, durable=durable)
            os.replace(temporary, path)
        except BaseException:  # even an interruption must not leave a partial file; raised again
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


def write_first(path: Path, data: bytes, *, mode: int = _MODE) -> bool:
    """Put `data` at `path` completely, unless a file exists there. Of several writers only the first succeeds.

    On a file system without hard links there is a moment between the check and the write.

    Args:
        mode: see `write_atomic`.

    Returns:
        Whether `data` was written.

    Raises:
        Unavailable, UsageError: see `write_atomic`.
    """
    temporary = temporary_beside(path)
    with storage_errors(path):
        try:
            _write_new(temporary, data, mode)
            if not _named_first(temporary, path):
                return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    return True


def append_line(path: Path, data: bytes) -> None:
    """Add one line to `path`; it is on disk when this returns. Several processes may append at once.

    Args:
        data: the line, which must not contain a newline.
    """
    if b"\n" in data:
        raise ValueError("a line holds no newline")
    append_lines(path, data + b"\n")


def append_lines(path: Path, data: bytes) -> None:
    """Add lines to `path` with one write; they are on disk when this returns. Several processes may append at once.

    Args:
        data: the lines, each with its newline.
    """
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append(descriptor, data)
        finally:
            os.close(descriptor)
        sync_folder(path.parent)


def read_lines(path: Path) -> tuple[bytes, ...]:
    """The complete lines of `path` without newlines; none if there is no file. A torn last line is left out."""
    with storage_errors(path, doing="read"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return ()
    return tuple(data.split(b"\n")[:-1])


@contextmanager
def storage_errors(path: Path, doing: str = "written") -> Generator[None]:
    """Translate an OSError inside the block into an error for the user that names `path`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, path, doing) from error


def storage_error(error: OSError, path: Path, doing: str = "written") -> RaytemplateError:
    """The error for the user that replaces `error`."""
    if error.errno in _FULL:
        return Unavailable(f"{path}: disk full, nothing was {doing}", next_step="make space, then run it again")
    what = f"{path}: cannot be {doing}: {os.strerror(error.errno) if error.errno else error}"
    if error.errno in _FORBIDDEN or error.errno in _BAD_PATH:
        return UsageError(what)
    return Unavailable(what)


def temporary_beside(path: Path) -> Path:
    """A new hidden name in the folder of `path`, so that a rename never crosses file systems."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def remove_at_once(folder: Path, beside: Path) -> None:
    """Remove a folder such that nobody sees half of it: it is renamed away first. What cannot be removed stays.

    Args:
        beside: a folder on the same file system, for what is being removed; made if it is not there.
    """
    gone = beside / secrets.token_hex(8)
    with suppress(OSError):
        beside.mkdir(exist_ok=True)
        os.rename(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Flush the names in `folder` to disk: a rename is durable only once its folder is."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Flush the bytes of `path` to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _named_first(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            return False
        os.replace(temporary, path)
    return True


def _write_new(path: Path, data: bytes, mode: int, *, durable: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append(descriptor: int, lines: bytes) -> None:
    """Write once after the last complete line. A torn end is cut off first, since it would merge with the new line."""
    end = _end_of_last_line(descriptor)
    os.ftruncate(descriptor, end)
    if os.write(descriptor, lines) != len(lines):
        os.ftruncate(descriptor, end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _end_of_last_line(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - 65536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
