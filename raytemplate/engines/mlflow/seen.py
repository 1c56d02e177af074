"""What MLflow says of a registered model, and where that is not what the ledger says.

Nothing here imports MLflow, so that a look at models stays quick: its tables in a SQLite file are read as they are.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from raytemplate.errors import RaytemplateError
from raytemplate.ledger.history import ModelVersion
from raytemplate.store.manifest import read_manifest, verify

CHAMPION, CHALLENGER = "champion", "challenger"
RUN_TAG, DIGEST_TAG, STATE_TAG = "raytemplate.run", "raytemplate.digest", "raytemplate.state"
BYTES = "stored"
"""The folder inside MLflow's that holds the stored model."""
_SQLITE, _FILE = "sqlite:///", "file"
_WAIT_S = 0.2
"""Seconds that a look waits for a process that writes MLflow's database; then it says nothing of MLflow."""
_DELETED = "Deleted_Internal"
"""MLflow's stage of a version that was deleted; its row stays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenVersion:
    """A version in MLflow."""

    number: int
    """MLflow's number, which is not the ledger's if a version had to be registered again."""

    source: str
    """Where its files are: a URI or a path."""

    tags: Mapping[str, str]
    """Its tags."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenModel:
    """A registered model in MLflow."""

    aliases: Mapping[str, int]
    """Alias -> number of a version."""

    versions: tuple[SeenVersion, ...]
    """Its versions, by number."""


NOTHING = SeenModel(aliases={}, versions=())
"""MLflow has no such model."""


def read_local(uri: str, model: str) -> SeenModel | None:
    """What MLflow says of a model, from its database if that is a SQLite file; it is not changed. None if it is no such
    file, or cannot be read at once.

    Args:
        uri: MLflow's tracking URI.
    """
    path = Path(uri.removeprefix(_SQLITE).partition("?")[0])
    if not uri.startswith(_SQLITE) or not path.is_file():
        return None
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT_S)) as db:
            return _read(db, model)
    except sqlite3.Error:  # locked, or of another version of MLflow: `ledger repair` asks MLflow itself
        return None


def _read(db: sqlite3.Connection, model: str) -> SeenModel:
    tags: dict[int, dict[str, str]] = {}
    tag_rows = db.execute("SELECT version, key, value FROM model_version_tags WHERE name = ?", (model,))
    for number, name, value in tag_rows:
        tags.setdefault(int(number), {})[str(name)] = str(value)
    rows = db.execute(
        "SELECT version, source FROM model_versions WHERE name = ? AND current_stage IS NOT ? ORDER BY version",
        (model, _DELETED),
    )
    versions = tuple(
        SeenVersion(number=int(number), source=str(source or ""), tags=tags.get(int(number), {}))
        for number, source in rows
    )
    aliases = db.execute("SELECT alias, version FROM registered_model_aliases WHERE name = ?", (model,))
    return SeenModel(aliases={str(alias): int(version) for alias, version in aliases}, versions=versions)


def digest_by_manifest(version: SeenVersion) -> str:
    """The digest of a version's files as their manifest states it; its tag counts only where that cannot be read."""
    folder = _stored(version.source)
    try:
        return read_manifest(folder).digest if folder else version.tags.get(DIGEST_TAG, "")
    except RaytemplateError:
        return version.tags.get(DIGEST_TAG, "")


def digest_by_bytes(version: SeenVersion) -> str:
    """The digest of a version's files, each of which is hashed: "" if they are damaged or gone. The tag counts only for
    files that are not on this machine."""
    if not _is_here(version.source):
        return version.tags.get(DIGEST_TAG, "")
    folder = _stored(version.source)
    try:
        return verify(folder, others_may_add=True).digest if folder else ""
    except RaytemplateError:
        return ""


def _is_here(source: str) -> bool:
    return urlsplit(source).scheme in ("", _FILE)


def _stored(source: str) -> Path | None:
    """The folder of the stored model in a version's files on this machine. The first releases kept it one level up."""
    if not source or not _is_here(source):
        return None
    top = Path(unquote(urlsplit(source).path)) if urlsplit(source).scheme else Path(source)
    return next((folder for folder in (top / BYTES, top) if (folder / "manifest.json").is_file()), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """MLflow's copy of a model beside the ledger's versions."""

    copies: Mapping[int, SeenVersion]
    """Number of a version in the ledger -> its copy in MLflow; those that MLflow lacks are missing."""

    foreign: tuple[SeenVersion, ...]
    """Versions in MLflow that claim to be a copy by their tags, and are not."""

    differences: tuple[str, ...]
    """Where MLflow says something else than the ledger, one line each."""


Tags = Callable[[ModelVersion], Mapping[str, str]]


def plain_tags(version: ModelVersion) -> Mapping[str, str]:
    """The tags of a version that the ledger alone tells."""
    return {DIGEST_TAG: version.digest, RUN_TAG: version.run_id, STATE_TAG: version.state}


def compare(
    model: str,
    versions: Sequence[ModelVersion],
    seen: SeenModel,
    *,
    digest: Callable[[SeenVersion], str] = digest_by_manifest,
    tags: Tags = plain_tags,
) -> Compared:
    """Compare what MLflow says of a model with the ledger.

    Args:
        versions: the ledger's versions of the model.
        digest: gives the digest of a version in MLflow.
        tags: gives the tags that the copy of a version should have.
    """
    known = {version.digest: version for version in versions}
    copies: dict[int, SeenVersion] = {}
    foreign: list[SeenVersion] = []
    for each in sorted(seen.versions, key=lambda one: (one.number not in seen.aliases.values(), one.number)):
        of = known.get(digest(each))
        if of is not None:
            copies.setdefault(of.version, each)
        elif each.tags.get(DIGEST_TAG, "") in known:
            foreign.append(each)
    found = _differences(model, versions, seen, copies, foreign, tags)
    return Compared(copies=copies, foreign=tuple(foreign), differences=tuple(found))


def _differences(
    model: str,
    versions: Sequence[ModelVersion],
    seen: SeenModel,
    copies: Mapping[int, SeenVersion],
    foreign: Sequence[SeenVersion],
    tags: Tags,
) -> Iterator[str]:
    ours = {copy.number: number for number, copy in copies.items()}
    for alias in (CHAMPION, CHALLENGER):
        yield from _of_alias(alias, versions, seen, ours)
    for each in foreign:
        yield f"MLflow's version {each.number} says that it is one of the ledger's, but its files are not"
    lacking = [str(version.version) for version in versions if version.version not in copies]
    if lacking and not seen.versions:
        yield f"MLflow has no version of {model}"
    elif lacking:
        yield f"MLflow has no copy of version {', '.join(lacking)}"
    for version in versions:
        if (copy := copies.get(version.version)) is None:
            continue
        for name, value in tags(version).items():
            if copy.tags.get(name, "") != value:
                now = f'"{copy.tags[name]}"' if name in copy.tags else "missing"
                yield f'MLflow\'s tag {name} of version {copy.number} is {now}, expected "{value}"'


def _of_alias(alias: str, versions: Sequence[ModelVersion], seen: SeenModel, ours: Mapping[int, int]) -> Iterator[str]:
    expected = next((version.version for version in versions if version.state == alias), 0)
    named = seen.aliases.get(alias, 0)
    if ours.get(named, 0) == expected and bool(named) == bool(expected):
        return
    says = f"the ledger says {expected}" if expected else f"the ledger has no {alias}"
    if not named:
        yield f"MLflow has no alias {alias}; {says}"
        return
    if named not in ours:
        which = f"version {named}, which is none of the ledger's"
    else:
        which = f"version {named}" if ours[named] == named else f"version {named} (the ledger's {ours[named]})"
    yield f"MLflow's alias {alias} names {which}; {says}"
