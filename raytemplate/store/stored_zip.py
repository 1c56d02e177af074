"""ZIP archives of files as they are, without compression, which can be written in one way only.

Nothing of an archive is trusted before it is read: entries with a path outside, a link, a second entry of a name, a
compressed one (which could unpack to any size) and more bytes than the file has are named and not read.
"""

import io
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.store.atomic import storage_errors

MOST_BYTES = 500_000_000
"""Most bytes of an archive: it is held in memory."""
_MOST_FILES, _MOST_DIRECTORY_BYTES, _MOST_NAME = 10_000, 4_000_000, 400
_END = struct.Struct("<4s4H2LH")
"""The last record of an archive without a comment."""
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_NOT_AS_WRITTEN = "the archive around its files is not as it was written: other dates, or bytes between or behind them"


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """What an archive holds."""

    files: Mapping[str, bytes]
    """Name -> bytes of every file that could be read safely."""

    faults: tuple[str, ...] = ()
    """What is wrong with the archive, one line each, beginning with the name of the file that it is about."""

    unread: frozenset[str] = frozenset()
    """Names of the files that the faults are about, and that were not read."""


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files in this order: equal files give equal bytes.

    Raises:
        UsageError: they are too large for one.
    """
    if sum(map(len, files.values())) > MOST_BYTES:
        raise UsageError(f"an archive of more than {MOST_BYTES / 1e6:,.0f} MB cannot be written")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, _MODE << 16
            archive.writestr(entry, data)
    return written.getvalue()


def read_archive(path: Path) -> Archive:
    """The files of an archive, with everything that is wrong with it.

    Raises:
        IntegrityError: it is no archive, is cut off, or has a directory that is too large to be read.
        UsageError: the file cannot be read.
    """
    with storage_errors(path, doing="read"):
        if path.stat().st_size > MOST_BYTES + _MOST_DIRECTORY_BYTES:
            raise IntegrityError(f"{path}: more than {MOST_BYTES / 1e6:,.0f} MB, which no archive of ours has")
        data = path.read_bytes()
    _refuse_directory(path, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            faults = tuple(_faults_of_directory(archive.infolist(), len(data)))
            odd = {name for name, _ in faults}
            good = [entry for entry in archive.infolist() if entry.filename not in odd]
            read = {entry.filename: _read(archive, entry) for entry in good}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise IntegrityError(f"{path}: not an archive that can be read: {error}") from error
    files = {name: found for name, found in read.items() if isinstance(found, bytes)}
    told = [f"{shown(name)}: {what}" for name, what in faults]
    told += [f"{shown(name)}: {what}" for name, what in read.items() if isinstance(what, str)]
    if not told and archive_of(files) != data:
        told.append(f"{path.name}: {_NOT_AS_WRITTEN}")
    return Archive(files=files, faults=tuple(told), unread=frozenset(odd | (read.keys() - files.keys())))


def shown(name: str) -> str:
    """A name that may be anything, for people to read."""
    return name if name.isprintable() and name else ascii(name)


def name_fault(name: str) -> str:
    """Why a file of an archive may not have this name; "" if it may."""
    path = PurePosixPath(name)
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        return "its name is not a printable text of a few hundred characters"
    outside = path.is_absolute() or "\\" in name or ":" in name or ".." in path.parts
    return "its name leads outside, or is not that of a file" if outside or str(path) != name else ""


def _refuse_directory(path: Path, data: bytes) -> None:
    """Stop before a directory is read that does not end where and how it must."""
    end = data[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise IntegrityError(f"{path}: not a pack, cut off, or followed by other bytes")
    _, disk, start_disk, here, number, size, offset, comment = _END.unpack(end)
    fits = offset + size + _END.size == len(data)
    if disk or start_disk or comment or here != number or not fits:
        raise IntegrityError(f"{path}: the directory of the archive is damaged")
    if number > _MOST_FILES or size > _MOST_DIRECTORY_BYTES:
        raise IntegrityError(f"{path}: {number:,} files in a directory of {size:,} bytes, which no pack has")


def _faults_of_directory(entries: list[zipfile.ZipInfo], num_bytes: int) -> Iterator[tuple[str, str]]:
    times, left = Counter(entry.filename for entry in entries), num_bytes
    for entry in entries:
        left -= entry.file_size
        if fault := _fault(entry, times[entry.filename], left):
            yield entry.filename, fault


def _fault(entry: zipfile.ZipInfo, times: int, left: int) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if fault := name_fault(entry.filename):
        return fault
    if times > 1:
        return f"{times} files of this name"
    if kind not in (0, stat.S_IFREG):
        return "a link, folder or device, not a file"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return f"compressed, {entry.file_size:,} bytes from {entry.compress_size:,}; it was not unpacked"
    if entry.flag_bits & 0x1:
        return "encrypted"
    return "" if left >= 0 else "larger than the archive"


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | str:
    try:
        return archive.read(entry)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, EOFError) as error:
        return f"altered: {error}"
