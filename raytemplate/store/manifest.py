"""Manifests of folders. They are written last: a folder with one is complete, and every byte of it can be checked."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.records.codec import canonical, dumps, loads
from raytemplate.store.atomic import storage_errors, write_atomic
from raytemplate.store.digests import sha256_bytes, sha256_file

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class FileEntry:
    """One file of a folder."""

    name: str
    """Posix path, relative to the folder."""

    size_bytes: int
    """Size of the file."""

    sha256: str
    """Digest of its bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The contents of a folder."""

    files: tuple[FileEntry, ...]
    """Every file of the folder except the manifest itself."""

    @property
    def digest(self) -> str:
        """The digest of the whole folder: names, sizes and bytes."""
        files = [[entry.name, entry.size_bytes, entry.sha256] for entry in sorted(self.files)]
        return sha256_bytes(canonical({"manifest": 1, "files": files}).encode())

    @property
    def num_bytes(self) -> int:
        """Total size of all files."""
        return sum(entry.size_bytes for entry in self.files)


def describe(folder: Path) -> Manifest:
    """The manifest for the files that `folder` holds now. Writes nothing.

    Raises:
        IntegrityError: a symbolic link or special file, or a name that is not text.
    """
    with storage_errors(folder, doing="read"):
        return Manifest(files=tuple(_entry(folder, name) for name in list_files(folder)))


def write_manifest(folder: Path) -> Manifest:
    """Hash every file below `folder`, then write `manifest.json`, last and atomically."""
    manifest = describe(folder)
    write_atomic(folder / MANIFEST_NAME, dumps(manifest))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest. The files are not looked at.

    Raises:
        IntegrityError: there is no manifest, or it was not written completely.
    """
    path = folder / MANIFEST_NAME
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise IntegrityError(f"{folder}: no {MANIFEST_NAME}: the folder was not written completely") from None
    except OSError:
        with storage_errors(path, doing="read"):
            raise
    return loads(Manifest, text, where=str(path))


def verify(folder: Path, *, others_may_add: bool = False) -> Manifest:
    """Hash every file again and compare with the manifest.

    Args:
        others_may_add: ignore files that are not in the manifest, such as those MLflow adds to its copies.

    Raises:
        IntegrityError: names the first file, by name, that differs, is missing, or is not in the manifest.
    """
    manifest = read_manifest(folder)
    expected = {entry.name: entry for entry in manifest.files}
    with storage_errors(folder, doing="read"):
        found = set(list_files(folder))
        for name in sorted(expected.keys() | (set() if others_may_add else found)):
            _check(folder, name, expected.get(name), name in found)
    return manifest


def list_files(folder: Path) -> tuple[str, ...]:
    """Sorted posix names, relative to `folder`, of every file below it except its manifest."""
    return tuple(sorted(name for name in _walk(folder, "") if name != MANIFEST_NAME))


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(folder / prefix) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            _refuse_odd(folder, name, entry)
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder, f"{name}/")
            else:
                yield name


def _refuse_odd(folder: Path, name: str, entry: os.DirEntry[str]) -> None:
    if entry.is_symlink():
        raise IntegrityError(f"{folder / name}: a symbolic link; only files can be digested")
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        raise IntegrityError(f"{folder / name}: neither a file nor a folder; only files can be digested")
    if not name.isprintable():
        raise IntegrityError(f"{folder}: the file name {name!r} is not printable text")


def _entry(folder: Path, name: str) -> FileEntry:
    path = folder / name
    return FileEntry(name=name, size_bytes=path.stat().st_size, sha256=sha256_file(path))


def _check(folder: Path, name: str, expected: FileEntry | None, exists: bool) -> None:
    if expected is None:
        raise IntegrityError(f"{folder / name}: not in {MANIFEST_NAME}")
    if not exists:
        raise IntegrityError(f"{folder / name}: missing, {MANIFEST_NAME} lists it")
    found = _entry(folder, name)
    if found.size_bytes != expected.size_bytes:
        raise IntegrityError(f"{folder / name}: {found.size_bytes} bytes, recorded were {expected.size_bytes}")
    if found.sha256 != expected.sha256:
        raise IntegrityError(f"{folder / name}: sha256 {found.sha256[:12]}, recorded was {expected.sha256[:12]}")
