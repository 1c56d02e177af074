"""The content store: folders kept under the digest of their contents, equal bytes once, checked when opened."""

import atexit
import errno
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from raytemplate.code.load import is_imported_from
from raytemplate.errors import IntegrityError, Unavailable
from raytemplate.records.codec import dumps
from raytemplate.store.atomic import remove_at_once, storage_error, storage_errors, sync_file, sync_folder
from raytemplate.store.manifest import MANIFEST_NAME, Manifest, describe, list_files, read_manifest, verify
from raytemplate.store.workspace import KEPT

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming"
_ABANDONED_S = 24 * 3600.0
"""Seconds after which an unfinished copy counts as abandoned."""


@dataclass(frozen=True, slots=True)
class ContentStore:
    """Folders at ROOT/<first two of digest>/<digest>. Several processes may put and open at once."""

    root: Path

    def path(self, digest: str) -> Path:
        """Where the folder with a digest is, or would be. Nothing is checked."""
        return self.root / digest[:2] / digest

    def need(self, digest: str) -> Path:
        """The stored folder; its files are not looked at.

        Raises:
            IntegrityError: it is missing.
        """
        folder = self.path(digest)
        if not folder.is_dir():
            raise IntegrityError(f"{folder}: not in the store", next_step=_next_step(folder))
        return folder

    def open(self, digest: str) -> Path:
        """The stored folder, with every byte of it hashed again.

        Raises:
            IntegrityError: the folder is missing, or a file differs from what was put in; names it.
        """
        if not _DIGEST.fullmatch(digest):
            raise IntegrityError(f"{digest!r} is not a digest: expected 64 hexadecimal characters")
        folder = self.need(digest)
        try:
            found = verify(folder).digest
        except IntegrityError as error:
            raise IntegrityError(error.what, next_step=_next_step(folder)) from error
        if found != digest:
            what = f"{folder / MANIFEST_NAME}: lists other files than were put in"
            raise IntegrityError(what, next_step=_next_step(folder))
        return folder

    @contextmanager
    def private(self, digest: str) -> Generator[Path]:
        """A copy of a stored folder for this process alone, so that what was hashed is what is read, even if the store
        is changed meanwhile. It is removed at the end, or with the process if modules were imported from it.

        Raises:
            IntegrityError: see `open`; or the folder changes while it is copied.
            Unavailable: the disk of the copy is full.
        """
        if not _DIGEST.fullmatch(digest):
            self.open(digest)
        copy = self._new_copy()
        try:
            with suppress(OSError):  # whatever is missing is named below
                shutil.copytree(self.path(digest), copy, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
            copy.chmod(0o700)
            if not _is_whole(copy, digest):
                raise IntegrityError(f"{self.open(digest)}: changed while it was read")
            yield copy
        finally:
            if is_imported_from(copy):
                atexit.register(shutil.rmtree, copy, ignore_errors=True)
            else:
                shutil.rmtree(copy, ignore_errors=True)

    def put(self, folder: Path) -> Manifest:
        """Copy `folder` into the store, unless its bytes are stored already.

        If `folder` has no manifest, the stored copy gets one; `folder` itself is never changed.

        Raises:
            IntegrityError: `folder` does not match its manifest, or the stored copy is damaged.
        """
        has_manifest = (folder / MANIFEST_NAME).exists()
        manifest = read_manifest(folder) if has_manifest else describe(folder)
        if self.path(manifest.digest).exists():
            if has_manifest:
                verify(folder)
            self.open(manifest.digest)
            return manifest
        with storage_errors(self.root):
            self._sweep()
            self._bring_in(folder, manifest)
        return manifest

    def remove(self, folder: Path) -> None:
        """Remove a stored folder at once: a process that reads it finds it gone, and never half of it."""
        remove_at_once(folder, self.root / _INCOMING)

    def _new_copy(self) -> Path:
        copy = self.root / _INCOMING / secrets.token_hex(8)
        try:
            copy.mkdir(parents=True, mode=0o700)
        except OSError:  # a workspace that this user may only read
            return Path(tempfile.mkdtemp(prefix="raytemplate-"))
        return copy

    def _bring_in(self, folder: Path, manifest: Manifest) -> None:
        copy = self.root / _INCOMING / secrets.token_hex(8)
        copy.mkdir(parents=True)
        try:
            _copy(folder, copy, manifest)
            _verify_copy(copy, folder)
            self._settle(copy, manifest.digest)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _settle(self, copy: Path, digest: str) -> None:
        target = self.path(digest)
        target.parent.mkdir(exist_ok=True)
        try:
            os.rename(copy, target)
        except OSError as error:
            # Another process put the same bytes first.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        sync_folder(target.parent)
        sync_folder(self.root)

    def _sweep(self) -> None:
        """Remove what processes left behind that were killed in the middle of a copy."""
        incoming = self.root / _INCOMING
        oldest = time.time() - _ABANDONED_S
        for left in incoming.iterdir() if incoming.is_dir() else ():
            try:
                abandoned = left.stat().st_mtime < oldest
            except FileNotFoundError:
                continue
            if abandoned:
                shutil.rmtree(left, ignore_errors=True)


def kept_beside(run_folder: Path) -> ContentStore:
    """The store of kept rows beside the folder of all runs: of the workspace, or of the storage that a cluster sees."""
    return ContentStore(run_folder.absolute().parents[1] / KEPT)


def _copy(folder: Path, copy: Path, manifest: Manifest) -> None:
    """Copy every file of `folder`, synced and read-only: renaming a folder of unsynced files is not durable."""
    folders = {copy}
    for name in list_files(folder):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target, follow_symlinks=False)
        _seal(target)
        folders.update(parent for parent in target.parents if copy in parent.parents)
    (copy / MANIFEST_NAME).write_bytes(dumps(manifest))
    _seal(copy / MANIFEST_NAME)
    for inner in folders:
        sync_folder(inner)


def _is_whole(copy: Path, digest: str) -> bool:
    """Whether a folder has the files that a digest stands for, and no other."""
    try:
        return verify(copy).digest == digest
    except IntegrityError:
        return False


def _verify_copy(copy: Path, folder: Path) -> None:
    """Hash the copy, which checks `folder` too; errors name the file in `folder`."""
    try:
        verify(copy)
    except IntegrityError as error:
        raise IntegrityError(error.what.replace(str(copy), str(folder))) from error


def _seal(path: Path) -> None:
    path.chmod(0o444)
    sync_file(path)


def _next_step(folder: Path) -> str:
    return f"restore {folder} from a backup, or go back to another version: raytemplate rollback MODEL"


def _copy_file(source: str, target: str) -> None:
    """Copy a file, and report a full disk as one: a truncated copy would look like a file that was changed."""
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        if isinstance(told := storage_error(error, Path(target)), Unavailable):
            raise told from error
        raise
