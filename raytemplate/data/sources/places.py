"""Where files are: paths of this machine, and URIs of pyarrow's file systems, found and opened alike."""

from __future__ import annotations

import difflib
import glob
import os
from pathlib import Path
from typing import BinaryIO

from raytemplate.errors import DataError


def joined(root: str, path: str) -> str:
    """A path below `root`; one that is whole already (absolute, or a URI) stays as it is."""
    return path if "://" in path else str(Path(root) / path)


def named(path: str, root: Path) -> str:
    """A file as listings and records name it: relative to `root` where it lies below."""
    if "://" in path or not Path(path).is_relative_to(root):
        return path
    return Path(path).relative_to(root).as_posix()


def open_file(path: str) -> BinaryIO:
    """The file, open for reading.

    Raises:
        DataError: it is not there, is no file, or may not be read.
    """
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def find_files(pattern: str, root: Path, endings: tuple[str, ...]) -> tuple[str, ...]:
    """The files of a path, folder (everything with one of the endings below it) or glob, sorted.

    Raises:
        DataError: there are none; the message says what was looked for and what is near.
    """
    place = Path(os.path.normpath(root / pattern))
    if place.is_file():
        return (str(place),)
    if place.is_dir():
        found = glob.glob("**/*", root_dir=place, recursive=True)
        paths = {place / name for name in found if name.endswith(endings)}
    else:
        paths = {Path(os.path.normpath(root / name)) for name in glob.glob(pattern, root_dir=root, recursive=True)}
    files = tuple(str(path) for path in sorted(path for path in paths if path.is_file()))
    if not files:
        raise DataError(_nothing_found(pattern, place, endings), next_step="set data.source to the files to read")
    return files


def _nothing_found(pattern: str, place: Path, endings: tuple[str, ...]) -> str:
    if place.is_dir():
        return f"{pattern}: no {' or '.join(f'*{ending}' for ending in endings)} file in the folder {place}"
    folder = next(parent for parent in place.parents if parent.is_dir() and not glob.has_magic(str(parent)))
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(place.name, names, n=3, cutoff=0.5) or names[:3]
    there = f"in {folder} there is {', '.join(near)}" if near else f"the folder {folder} is empty"
    return f"{pattern}: no file matches; looked for {place}; {there}"
