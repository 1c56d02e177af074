"""Locations of checkpoints that settings name: a file, tags of a git repository, a bucket."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from raytemplate.data.sources.storage import Storage, get_stored, names_in, put_stored
from raytemplate.errors import Unavailable, UsageError
from raytemplate.ledger.checkpoints import Checkpoint
from raytemplate.records.governed import Location
from raytemplate.store.atomic import append_lines, storage_errors

_GIT_LIMIT_S = 20.0
_TAGS = "raytemplate-ledger"
_AS_PROMOTER = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_COMMITTER_NAME": "raytemplate promoter",
    "GIT_COMMITTER_EMAIL": "promoter@raytemplate.invalid",
}


class Kept(Protocol):
    """A location of the checkpoints of one ledger."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether notes are in the order in which they were made."""
        ...

    def keep(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint.

        Raises:
            RaytemplateError: it cannot be written there, or it would prove nothing there.
        """
        ...

    def notes(self) -> str:
        """All checkpoints, one note after another; "" if there is none yet.

        Raises:
            RaytemplateError: they cannot be read.
        """
        ...


def location_at(location: Location, ledger: str, folder: Path) -> Kept:
    """The location for a ledger's checkpoints. Those on MLflow are in `engines.mlflow.checkpoints`.

    Args:
        ledger: the ledger's id.
        folder: of the workspace, which paths are relative to.
    """
    match location.kind:
        case "file":
            return _InFile(_of_ledger(folder / location.where, ledger), folder)
        case "git":
            return _AsTags(folder / location.where, location.remote, ledger, folder)
        case "s3":
            return _InBucket(f"{location.where.rstrip('/')}/{ledger}", Storage())
        case "mlflow":
            raise UsageError("MLflow is no location of files")


def _of_ledger(path: Path, ledger: str) -> Path:
    return path / ledger if path.is_dir() else path


@dataclass
class _InFile:
    """One note after another in a file, or in a folder's file of the ledger's name."""

    path: Path
    workspace: Path
    in_order: bool = True

    @property
    def name(self) -> str:
        return str(self.path)

    def keep(self, checkpoint: Checkpoint) -> None:
        if _is_inside(self.path, self.workspace):
            raise UsageError(f"{self.path}: inside the workspace, where it proves nothing")
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        append_lines(self.path, checkpoint.note.encode())

    def notes(self) -> str:
        with storage_errors(self.path, doing="read"):
            return self.path.read_text(errors="replace") if self.path.exists() else ""


@dataclass
class _AsTags:
    """Annotated tags in a repository, each with the note as its message; pushed if a remote is named."""

    repository: Path
    remote: str
    ledger: str
    workspace: Path
    in_order: bool = False

    @property
    def name(self) -> str:
        return f"tags {_TAGS}/{self.ledger}/* of {self.remote + ' of ' if self.remote else ''}{self.repository}"

    def keep(self, checkpoint: Checkpoint) -> None:
        if not self.remote and _is_inside(self.workspace, Path(self._git("rev-parse", "--show-toplevel").strip())):
            raise UsageError(
                f"{self.repository}: the workspace is inside this repository, so that tags in it alone prove nothing; "
                "expected a remote that they are pushed to, such as {git: ., remote: origin}"
            )
        tag = f"{_TAGS}/{self.ledger}/{checkpoint.file_name}"
        if not self._git("tag", "--list", tag).strip():
            self._git("-c", "tag.gpgSign=false", "tag", "-a", "--cleanup=verbatim", "-m", checkpoint.note, tag)
        if self.remote:
            all_of_it = f"refs/tags/{_TAGS}/{self.ledger}/*"
            self._git("push", "--quiet", self.remote, f"{all_of_it}:{all_of_it}")

    def notes(self) -> str:
        where = f"refs/tags/{_TAGS}/{self.ledger}"
        if self.remote:  # what is here may have been edited with the ledger
            there = f"refs/{_TAGS}/{self.remote}/{self.ledger}"
            self._git("fetch", "--quiet", "--no-tags", "--prune", self.remote, f"+{where}/*:{there}/*")
            where = there
        found = self._git("for-each-ref", "--format=%(contents)%00", where)
        return "".join(f"{note.strip()}\n" for note in found.split("\0") if note.strip())

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repository), "-c", f"core.hooksPath={os.devnull}", *arguments]
        try:
            done = subprocess.run(
                command, env={**os.environ, **_AS_PROMOTER}, capture_output=True, timeout=_GIT_LIMIT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{self.repository}: git did not answer: {error}") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Unavailable(f"{self.repository}: git {arguments[0]}: {said[-1] if said else done.returncode}")
        return done.stdout.decode(errors="replace")


@dataclass
class _InBucket:
    """An object a checkpoint, so that a bucket that forbids overwriting serves."""

    name: str
    storage: Storage
    in_order: bool = False

    def keep(self, checkpoint: Checkpoint) -> None:
        uri = f"{self.name}/{checkpoint.file_name}"
        if get_stored(uri, self.storage) is None:
            put_stored(uri, checkpoint.note.encode(), self.storage, content_type="text/plain")

    def notes(self) -> str:
        found = names_in(self.name, self.storage)
        notes = (get_stored(f"{self.name}/{name}", self.storage) or b"" for name in found)
        return "".join(note.decode(errors="replace") for note in notes)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
