"""What a workspace holds besides records and models: how large it is, which runs need it, and how it is freed."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.history.held_models import Retention, free_models, reasons, stored_models
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.holdings import Holding, HoldingKind
from raytemplate.store.atomic import storage_errors
from raytemplate.store.content_store import ContentStore
from raytemplate.store.encoded_store import ABOUT, EncodedStore, bytes_below
from raytemplate.store.locks import is_held
from raytemplate.store.workspace import Workspace

_ABANDONED_S = 24 * 3600.0
"""Seconds after which what a process has not finished counts as abandoned."""
_UNFINISHED = (".incoming/*", ".reading-*")
"""Where copies and entries are put together, inside their stores."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """Paths of one kind."""

    paths: tuple[Path, ...]
    """Folders and files, each counted as one."""
    needed_by: tuple[str, ...] = ()
    """See `Holding`."""


def holdings(workspace: Workspace, retention: Retention | None = None) -> tuple[Holding, ...]:
    """Everything that is held, by kind; kinds of which there is nothing are missing.

    Args:
        retention: how long models are kept; None leaves models out.
    """
    return tuple(_holding(kind, found) for kind, found in _all(workspace, retention) if found.paths)


def free(
    workspace: Workspace, kinds: Collection[HoldingKind], retention: Retention | None = None
) -> tuple[Holding, ...]:
    """Remove everything of these kinds, but not what a run has begun to need meanwhile.

    Args:
        retention: how long models are kept; None leaves models out.

    Returns:
        What was held; those that were removed are marked.
    """
    told: list[Holding] = []
    for kind, found in _all(workspace, retention):
        if not found.paths:
            continue
        held = _holding(kind, found)
        if kind == "models" and kind in kinds and retention is not None:
            free_models(workspace, retention)
            held = replace(held, freed=not any(path.exists() for path in found.paths))
        elif kind in kinds:
            for path in found.paths:
                if not _is_needed_now(kind, path, workspace):
                    _remove(path, workspace)
            held = replace(held, freed=not any(path.exists() for path in found.paths))
        told.append(held)
    return tuple(told)


def _is_needed_now(kind: HoldingKind, path: Path, workspace: Workspace) -> bool:
    """Whether a run has begun to need what none needed when it was listed: removing others may take minutes."""
    if kind in ("kept", "needed") and _is_in(_frozen(workspace), path):
        return True
    if kind == "kept":
        return _is_in(_needs(workspace), path)
    return path.parent == workspace.again and is_held(Journal(path).active)


def _holding(kind: HoldingKind, found: _Found) -> Holding:
    size = sum(bytes_below(path) if path.is_dir() else _size(path) for path in found.paths)
    return Holding(kind=kind, num=len(found.paths), num_bytes=size, needed_by=found.needed_by)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _all(workspace: Workspace, retention: Retention | None) -> Iterator[tuple[HoldingKind, _Found]]:
    needs = _needs(workspace)
    copies = _below(workspace.kept, "[0-9a-f][0-9a-f]/*")
    pinned = _frozen(workspace)
    frozen = tuple(path for path in copies if _is_in(pinned, path))
    copies = tuple(path for path in copies if path not in frozen)
    names = {name: None for path in frozen for name in pinned.get(path.name, ())}
    needed = tuple(path for path in copies if _is_in(needs, path))
    runs = {run: None for path in needed for run in (*needs.get(path.name, ()), *needs.get("", ()))}
    encoded = tuple(path.parent for path in _below(workspace.encoded, f"*/{ABOUT}"))
    found: Mapping[HoldingKind, Callable[[], _Found]] = {
        "encoded": lambda: _Found(paths=encoded),
        "profiles": lambda: _Found(paths=_below(workspace.profiles, "*/[!.]*")),
        "listings": lambda: _Found(paths=_below(workspace.listings, "*.json")),
        "kept": lambda: _Found(paths=tuple(path for path in copies if path not in needed)),
        "needed": lambda: _Found(paths=needed, needed_by=tuple(runs)),
        "frozen": lambda: _Found(paths=frozen, needed_by=tuple(names)),
        "models": lambda: _models(workspace, retention, held=False),
        "held": lambda: _models(workspace, retention, held=True),
        "leftovers": lambda: _Found(paths=_leftovers(workspace)),
    }
    for kind, look in found.items():
        yield kind, look()


def _models(workspace: Workspace, retention: Retention | None, *, held: bool) -> _Found:
    if retention is None:
        return _Found(paths=())
    kept = reasons(workspace, retention)
    paths = tuple(path for path in stored_models(workspace) if (path.name in kept) is held)
    why = Counter(kept[path.name] for path in paths) if held else {}
    return _Found(paths=paths, needed_by=tuple(f"{number:,} {what}" for what, number in why.items()))


def _is_in(needs: Mapping[str, list[str]], copy: Path) -> bool:
    return "" in needs or copy.name in needs


def _needs(workspace: Workspace) -> dict[str, list[str]]:
    """Digest of a copy of rows -> the runs that need it, newest first. Under "" are runs of which nobody can tell
    which copy they need: all copies then count as needed."""
    found: dict[str, list[str]] = {}
    records = sorted(_below(workspace.runs, "*/run.json"), key=_changed, reverse=True)
    for journal in (Journal(path.parent) for path in records):
        for kept in _kept_by(journal):
            found.setdefault(kept, []).append(journal.run_id)
    return found


def _frozen(workspace: Workspace) -> dict[str, list[str]]:
    """Digest of a copy of rows -> names of the snapshots for which the ledger has frozen it. Under "" if the ledger
    cannot be read: all copies then count as frozen."""
    try:
        marks = [mark for mark in open_ledger(workspace).marks() if mark.kind == "frozen"]
    except RaytemplateError:
        return {"": []}
    found: dict[str, list[str]] = {}
    names = {mark.snapshot: mark.name for mark in marks}
    for mark in marks:
        found.setdefault(mark.kept, []).append(mark.name)
    for path in _below(workspace.runs, "*/snapshot.json") if names else ():
        with suppress(OSError, ValueError, AttributeError):
            record = json.loads(path.read_bytes())
            name, kept = names.get(record.get("digest")), str(record.get("kept", ""))
            if name is not None and name not in found.setdefault(kept, []):
                found[kept].append(name)
    found.pop("", None)  # of snapshots without a copy
    return found


def _kept_by(journal: Journal) -> tuple[str, ...]:
    path = journal.folder / "snapshot.json"
    try:
        kept = json.loads(path.read_bytes()).get("kept", "")
    except FileNotFoundError:
        return ("",) if is_held(journal.active) else ()
    except (OSError, ValueError, AttributeError):
        return ("",)
    return (str(kept),) if kept else ()


def _leftovers(workspace: Workspace) -> tuple[Path, ...]:
    """What processes have left that were killed: unfinished copies and entries, and runs being made again."""
    oldest = time.time() - _ABANDONED_S
    stores = (workspace.encoded, workspace.kept, workspace.models)
    unfinished = (path for store in stores for pattern in _UNFINISHED for path in _below(store, pattern))
    again = (path for path in _below(workspace.again, "*") if not is_held(Journal(path).active))
    return (*(path for path in unfinished if 0.0 < _changed(path) < oldest), *again)


def _changed(path: Path) -> float:
    """When it was changed last, in seconds since 1970; 0 if another process has removed it meanwhile."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def _below(folder: Path, pattern: str) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob(pattern)))


def _remove(path: Path, workspace: Workspace) -> None:
    if not path.is_dir():
        with storage_errors(path, "removed"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()  # of the profiles of one file, once the last is gone
    elif path.parent == workspace.encoded:
        EncodedStore(workspace.encoded).remove(path)
    elif path.parent.parent == workspace.kept:
        ContentStore(workspace.kept).remove(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
