"""Finds and opens files in the same way whether they are local paths or URIs of buckets."""

import difflib
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from raytemplate.data.sources.folders import Found, files_below, files_matching, say_left_out
from raytemplate.data.sources.storage import Storage, find_stored, names_in, open_stored, stamp_of, uri_fault
from raytemplate.errors import DataError

HERE = Storage()


def is_uri(path: str) -> bool:
    """Whether a path is a URI."""
    return "://" in path


def joined(root: str, path: str) -> str:
    """A path relative to `root`; an absolute path or a URI stays as it is."""
    return path if is_uri(path) else str(Path(root) / path)


def named(path: str, root: Path) -> str:
    """The name of a file in listings and records: relative to `root` if it is below it. Both are normalised."""
    return path.removeprefix(f"{str(root).rstrip('/')}/")  # without a `Path` of its own: there may be many


def open_file(path: str, storage: Storage = HERE) -> BinaryIO:
    """The file, open for reading.

    Raises:
        DataError: it does not exist, is not a file, or must not be read.
        Forbidden, Unavailable: its bucket denies access or cannot be reached.
    """
    if is_uri(path):
        return open_stored(path, storage)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def stamp(path: str, storage: Storage = HERE) -> tuple[int, ...] | None:
    """What identifies the content of a file during planning: its bytes, time of change, time of change of its entry
    (both in ns) and inode, or in a bucket its bytes and time of change; None if these cannot, or if it is no file, such
    as the result of a query.

    Size and time alone are not enough: a copy that keeps times (`cp -p`) replaces a file under the same ones.
    """
    if is_uri(path):
        return None if uri_fault(path) else stamp_of(path, storage)
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_NAME_ANOTHER = "name a file, a folder or a pattern that is there"


def find_files(pattern: str, root: Path, endings: tuple[str, ...], storage: Storage = HERE) -> tuple[str, ...]:
    """The files of `find`."""
    return find(pattern, root, endings, storage).files


def find(pattern: str, root: Path, endings: tuple[str, ...], storage: Storage = HERE) -> Found:
    """The files of a path, folder (everything with one of the endings below it) or glob, sorted, and what is left out.

    Raises:
        DataError: there are none; the message says what was looked for and suggests similar names.
        Forbidden, Unavailable: their bucket denies access or cannot be reached.
    """
    if is_uri(pattern):
        if not (stored := find_stored(pattern, endings, storage)).files:
            left = f"; {say_left_out(stored.left_out)}" if stored.left_out else ""
            raise DataError(_nothing_stored(pattern, storage) + left, next_step=_NAME_ANOTHER)
        return stored
    location = Path(os.path.normpath(root / pattern))
    if location.is_file():
        return Found(files=(str(location),))
    found = files_below(location, endings) if location.is_dir() else files_matching(pattern, root)
    if not found.files:
        left = f"; {say_left_out(found.left_out)}" if found.left_out else ""
        raise DataError(_nothing_found(pattern, location, endings) + left, next_step=_NAME_ANOTHER)
    return found


def _nothing_found(pattern: str, location: Path, endings: tuple[str, ...]) -> str:
    if location.is_dir():
        return f"{pattern}: no {' or '.join(f'*{ending}' for ending in endings)} file in the folder {location}"
    folder = next(parent for parent in location.parents if parent.is_dir() and not glob.has_magic(str(parent)))
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"{pattern}: no file matches; looked for {location}; {_there_is(location.name, str(folder), names)}"


def _nothing_stored(pattern: str, storage: Storage) -> str:
    """The message that no stored file matches; shows the nearest folder above that holds something, or the bucket."""
    folder, _, name = pattern.rstrip("/").rpartition("/")
    names: tuple[str, ...] = ()
    while (glob.has_magic(folder) or not (names := names_in(folder, storage))) and folder.count("/") > 2:
        folder, _, name = folder.rpartition("/")
    return f"{pattern}: no file matches; {_there_is(name, folder, names)}"


def _there_is(name: str, folder: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:3]
    return f"in {folder} there is {', '.join(near)}" if near else f"the folder {folder} is empty"
