"""The workspace: everything of a project is kept in one `.raytemplate` folder beside its templates."""

import difflib
import os
import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.records.codec import loads
from raytemplate.records.run import RunStart
from raytemplate.store.atomic import storage_errors, write_atomic

FOLDER_NAME = ".raytemplate"
ENVIRONMENT_NAME = "RAYTEMPLATE_WORKSPACE"
KEPT, ENCODED = "kept", "encoded"
LAST = "last"
_BACK = re.compile(rf"{LAST}(?:~([0-9]{{1,6}}))?")
"""`last`, and `last~1` for the run before it."""
RUN_RECORD = "run.json"
# No 0/o, 1/l/i: ids are read out and typed. Without "l" no id can start like `last`.
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_CHARACTERS = _LETTERS + "23456789"
_ID_LENGTH = 6
_NUM_NEAR = 5


@dataclass(frozen=True, slots=True)
class Workspace:
    """The paths of a workspace."""

    folder: Path
    """The folder that holds `.raytemplate/`."""

    @property
    def root(self) -> Path:
        """Everything that raytemplate keeps."""
        return self.folder / FOLDER_NAME

    @property
    def runs(self) -> Path:
        """Holds one folder for each run."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """The content store of models."""
        return self.root / "models"

    @property
    def governance_db(self) -> Path:
        """The ledger."""
        return self.root / "governance.db"

    @property
    def governance_yaml(self) -> Path:
        """Proposes the settings of governance. It is beside the templates, so that it is versioned with them."""
        return self.folder / "governance.yaml"

    @property
    def mlflow_db(self) -> Path:
        """MLflow's database."""
        return self.root / "mlflow.db"

    @property
    def mlartifacts(self) -> Path:
        """MLflow's files."""
        return self.root / "mlartifacts"

    @property
    def listings(self) -> Path:
        """Cached results of reading text files, so that planning again is quick. May be deleted at any time."""
        return self.root / "listings"

    @property
    def profiles(self) -> Path:
        """Kept profiles of files, so that a file is profiled once. May be deleted at any time."""
        return self.root / "profiles"

    @property
    def frames(self) -> Path:
        """Tables that were passed in memory, as Parquet files named by digest; resuming their runs needs them."""
        return self.root / "frames"

    @property
    def again(self) -> Path:
        """Holds the folder of each run that is being made again. May be deleted when nothing is running."""
        return self.root / "again"

    @property
    def kept(self) -> Path:
        """The content store of rows that runs read and keep."""
        return self.root / KEPT

    @property
    def encoded(self) -> Path:
        """Rows that runs have read and encoded, for runs of the same rows. May be deleted at any time."""
        return self.root / ENCODED

    @property
    def requests(self) -> Path:
        """What was asked of a team's promoter, with its answers."""
        return self.root / "requests"

    @property
    def locks(self) -> Path:
        """Lock files."""
        return self.root / "locks"


def find_workspace(start: Path, *, explicit: str | None, environ: Mapping[str, str]) -> Workspace:
    """The workspace to use. Nothing is created.

    The first of these counts: `explicit` (`--workspace`), RAYTEMPLATE_WORKSPACE, the nearest folder from `start`
    upwards that holds `.raytemplate/`, `start` itself.

    Raises:
        UsageError: the chosen folder does not exist.
    """
    chosen = explicit or environ.get(ENVIRONMENT_NAME)
    if chosen:
        folder = Path(chosen).expanduser().absolute()
        if not folder.is_dir():
            which = "--workspace" if explicit else ENVIRONMENT_NAME
            raise UsageError(
                f"{which} {chosen}: no such folder", next_step=f"mkdir {shlex.quote(chosen)}, or another one"
            )
        return Workspace(folder)
    start = start.absolute()
    for folder in (start, *start.parents):
        if os.path.isdir(folder / FOLDER_NAME):
            return Workspace(folder)
    return Workspace(start)


def create(workspace: Workspace) -> None:
    """Create the workspace's folders if they are missing.

    Raises:
        UsageError: the folder cannot be written.
    """
    folders = (workspace.root, workspace.runs, workspace.models, workspace.mlartifacts, workspace.locks)
    try:
        with storage_errors(workspace.root):
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            if not (workspace.root / ".gitignore").exists():
                write_atomic(workspace.root / ".gitignore", b"*\n")
        for folder in folders:
            if not os.access(folder, os.W_OK | os.X_OK):
                raise UsageError(f"{folder}: cannot be written by this user")
    except UsageError as error:
        raise UsageError(error.what, next_step="choose another folder: --workspace DIR") from error


def new_run(workspace: Workspace) -> tuple[str, Path]:
    """A new run id, unique in this workspace, and its new empty folder."""
    while True:
        run_id = secrets.choice(_LETTERS) + "".join(secrets.choice(_CHARACTERS) for _ in range(_ID_LENGTH - 1))
        folder = workspace.runs / run_id
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError:
            with storage_errors(folder):
                raise
        return run_id, folder


def find_run(workspace: Workspace, ref: str) -> Path:
    """The folder of a run: by its id, a unique prefix of it, `last` for the newest, or `last~1` for the one before.

    Raises:
        UsageError: no run or several runs match.
    """
    folders = _run_folders(workspace)
    if not folders:
        raise UsageError(f"no runs yet in {workspace.runs}", next_step="raytemplate run FILE")
    if back := _BACK.fullmatch(ref):
        return _back(sorted(folders.values(), key=_started, reverse=True), int(back[1] or 0), ref)
    if ref in folders:
        return folders[ref]
    fitting = sorted(name for name in folders if ref and name.startswith(ref))
    if len(fitting) == 1:
        return folders[fitting[0]]
    if fitting:
        raise UsageError(f'"{ref}" is the start of {len(fitting)} runs: {_some(fitting)}', next_step="raytemplate runs")
    near = difflib.get_close_matches(ref, folders, n=_NUM_NEAR, cutoff=0.5)
    hint = f"; did you mean {_some(near)}?" if near else ""
    raise UsageError(f'no run "{ref}" in {workspace.runs}{hint}', next_step="raytemplate runs")


def _back(newest_first: list[Path], steps: int, ref: str) -> Path:
    if steps < len(newest_first):
        return newest_first[steps]
    num = len(newest_first)
    there = f"there are {num} runs, of which the oldest is {LAST}~{num - 1}" if num > 1 else "there is one run"
    raise UsageError(f'no run "{ref}": {there}', next_step="raytemplate runs")


def _run_folders(workspace: Workspace) -> dict[str, Path]:
    if not os.path.isdir(workspace.runs):
        return {}
    with storage_errors(workspace.runs, doing="read"):
        return {f.name: f for f in workspace.runs.iterdir() if f.is_dir() and not f.name.startswith(".")}


def _started(folder: Path) -> tuple[float, str]:
    """When a run started, by its record, or by its folder's time if the record is missing or torn."""
    path = folder / RUN_RECORD
    try:
        return loads(RunStart, path.read_bytes(), where=str(path)).started.timestamp(), folder.name
    except (OSError, IntegrityError):
        return folder.stat().st_mtime, folder.name


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NUM_NEAR} more" if len(names) > _NUM_NEAR else ""
    return ", ".join(names[:_NUM_NEAR]) + more
