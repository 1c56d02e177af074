"""Reuse: whether rows that an earlier run has read and encoded are those that a run would read and encode.

They are if their key is the same, and if the stamps of all files are those that the files had when they were read.
Training is never reused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from raytemplate.data.sources.naming import SQL
from raytemplate.data.sources.reader import source_of
from raytemplate.data.sources.stamps import Stamps, stamps_of
from raytemplate.data.sources.storage import Storage
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.planning.encoded_key import EncodedKey, encoded_key
from raytemplate.planning.forecast import faster_ingest
from raytemplate.planning.stages import IngestStage, Reuse, RunPlan
from raytemplate.records import codec
from raytemplate.records.encoded import SourceOfEntry, SourcesOfEntry
from raytemplate.store.content_store import ContentStore
from raytemplate.store.encoded_store import Damaged, EncodedStore, Stored
from raytemplate.store.workspace import Workspace

SOURCES = "sources.json"
"""The file of an entry that lists the files it was made from."""

REFUSED = Reuse(allowed=False, why="nothing is to be reused (--no-reuse)")
"""Of a plan that was made with `--no-reuse`."""
ELSEWHERE = Reuse(allowed=False, why="nothing is reused on a cluster")
"""Of a plan for a Ray that is there already: its nodes may see other files under the same paths."""

_CHANGED: Mapping[str, str] = {
    "windows": "the windows are not those of run {run}",
    "columns": "other columns are read than in run {run}",
    "features": "the features are not those of run {run}",
    "target": "the target is not that of run {run}",
    "rows": "data.drop or data.keep is not that of run {run}",
    "mask": "data.mask or its key is not that of run {run}",
    "contract": "the contract is not that of run {run}",
    "baseline": "evaluation.baseline is not that of run {run}",
    "sample": "training.seed, which draws the sample of data.rows, is not that of run {run}",
    "settings": "the settings of data are not those of run {run}",
    "code": "the code of features has changed since run {run}",
    "raytemplate": "raytemplate has changed since run {run}",
    "packages": "Python, its packages or the machine are not those of run {run}",
    "files": "how the files are read has changed since run {run}",
}
"""Part of a key -> what to say if it has changed. The first that applies is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An entry that can be used, or why there is none."""

    stored: Stored | None = None
    """The entry; None if rows must be read."""
    why: str = ""
    """Why it can be used, or why rows must be read; "" if nothing was kept that could have been used."""
    damaged: tuple[Damaged, ...] = ()
    """Entries that are not what was kept."""


def never_reused(stage: IngestStage) -> str:
    """Why rows of such a stage are never reused; "" if they may be."""
    if stage.source == SQL:
        return "a database does not tell whether its rows have changed"
    if stage.mode == "stream":
        return "rows that are streamed are not kept"
    if not source_of(stage.source).endings and stage.source != "delta":
        return f"the source {stage.source} does not tell whether its rows have changed"
    return ""


def stamps_now(stage: IngestStage) -> Stamps:
    """The stamps of a stage's files."""
    return stamps_of([file.path for file in stage.files], stage.root, stage.location.to(Storage))


def sources_of(key: EncodedKey, stamps: Stamps) -> SourcesOfEntry:
    """The files that an entry is made from, for its record. Each has a stamp."""
    return SourcesOfEntry(
        files=tuple(
            SourceOfEntry(path=path, planned=planned, stamp=stamps.of[path]) for path, planned in key.planned.items()
        )
    )


def with_reuse(plan: RunPlan, workspace: Workspace) -> RunPlan:
    """The plan of a run on this machine, with what it is expected to reuse, and with the forecast that follows."""
    if why := never_reused(plan.ingest):
        return replace(plan, reuse=Reuse(allowed=False, why=why))
    if not workspace.encoded.is_dir():
        return replace(plan, reuse=Reuse(allowed=True))
    try:
        key = encoded_key(plan.ingest, plan.code.sha256)
    except UsageError:
        return replace(plan, reuse=Reuse(allowed=True, why="the key of data.mask is not on this machine"))
    stamps = cache(lambda: stamps_now(plan.ingest))
    found = find(key, stamps, plan.name, EncodedStore(workspace.encoded), ContentStore(workspace.kept))
    if found.stored is None:
        return replace(plan, reuse=Reuse(allowed=True, why=found.why))
    about = found.stored.about
    faster = faster_ingest(plan.forecast, about.num_bytes, plan.limits)
    return replace(plan, reuse=Reuse(allowed=True, run_id=about.run_id, why=found.why), forecast=faster)


def find(
    key: EncodedKey, stamps: Callable[[], Stamps], template: str, store: EncodedStore, copies: ContentStore
) -> Found:
    """The entry to use, of which only `entry.json` and the list of files have been checked.

    Args:
        stamps: gives the stamps of the files now.
        template: name of the template: if there is no entry, its last run is what everything is compared with.
        copies: the store of kept rows.
    """
    entries, damaged = store.entries()
    why = ""
    for stored in (one for one in entries if one.about.key == key.text):
        try:
            before = _sources(store, stored)
        except IntegrityError as error:
            if not stored.folder.is_dir():
                continue  # another run has made room meanwhile
            damaged = (*damaged, Damaged(folder=stored.folder, what=error.what))
            continue
        about = stored.about
        if changed := _changed_stamp(before, stamps()):
            why = why or f"{changed} has changed since run {about.run_id}"
        elif about.kept_rows and not copies.path(about.kept_rows).is_dir():
            why = why or f"the copy of the rows that run {about.run_id} kept is gone"
        else:
            return Found(stored=stored, why=f"nothing has changed since run {about.run_id}", damaged=damaged)
    mine = next((one for one in entries if one.about.template == template and one.about.key != key.text), None)
    if not why and damaged:
        why = f"what was kept is damaged: {damaged[0].what}"
    if not why and mine is not None:
        why = _difference(mine, key, store)
    return Found(why=why, damaged=damaged)


def _difference(stored: Stored, key: EncodedKey, store: EncodedStore) -> str:
    """What is not as it was for an entry with another key."""
    before, run = stored.about.parts, stored.about.run_id
    part = next((part for part in _CHANGED if before.get(part) != key.parts.get(part)), "")
    if part == "files":
        try:
            there = {file.path: file.planned for file in _sources(store, stored).files}
        except IntegrityError:
            there = {}
        if files := _changed_files(there, key.planned):
            return f"{files} since run {run}"
    return _CHANGED[part].format(run=run) if part else ""


def _changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """ "data/a.parquet and 2 more have changed"; "" if every file is the same."""
    kinds = (
        ([path for path in now if before.get(path, now[path]) != now[path]], "has changed", "have changed"),
        ([path for path in now if path not in before], "is new", "are new"),
        ([path for path in before if path not in now], "is no longer read", "are no longer read"),
    )
    for paths, one, many in kinds if before else ():
        if paths:
            return f"{paths[0]} and {len(paths) - 1:,} more {many}" if len(paths) > 1 else f"{paths[0]} {one}"
    return ""


def _changed_stamp(before: SourcesOfEntry, now: Stamps) -> str:
    """The first file whose stamp is not what it was; "" if there is none."""
    return next((file.path for file in before.files if now.of.get(file.path) != file.stamp), "")


def _sources(store: EncodedStore, stored: Stored) -> SourcesOfEntry:
    return codec.loads(SourcesOfEntry, store.read(stored, SOURCES), where=str(stored.folder / SOURCES))
