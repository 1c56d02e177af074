"""The log of a Delta Lake table: which versions there are, and the files, columns and partition values of one."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import pyarrow as pa

from raytemplate.data.sources.delta_features import not_read, refuse_unreadable
from raytemplate.data.sources.locations import is_uri
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.storage import Storage, names_in
from raytemplate.errors import DataError, FieldError, IntegrityError, RaytemplateError, UsageError
from raytemplate.redact import redact
from raytemplate.units import parse_moment, show_moment

_INSTALL = "pip install 'raytemplate[lake]'"
_VERSION = "data.version"
_MOST_LOOKED_AT = 20
"""Newest versions that an error message checks for being complete."""
_MILLISECOND = timedelta(milliseconds=1)
"""Times in the log are cut to milliseconds, so that the newest may be later by less than one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeltaFile:
    """A data file of a version."""

    path: str
    """Its path, absolute, or its URI."""

    partition: Mapping[str, str | None]
    """Partition column -> value as text; None for null."""

    time_min: datetime | None
    """Oldest time according to the log; None if it does not say."""

    time_max: datetime | None
    """A moment at or after the newest time according to the log; None if it does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableVersion:
    """One version of a table."""

    location: str
    """The table, as messages name it."""

    number: int
    """The version."""

    schema: pa.Schema
    """Its columns."""

    partitions: tuple[str, ...]
    """Columns whose values are in the log instead of the files."""

    files: tuple[DeltaFile, ...]
    """Its files, sorted by path."""


@dataclass(frozen=True)
class DeltaLog:
    """The log of a table, opened by `deltalake`."""

    location: str
    """The table, as messages name it."""

    path: str
    """Its folder, absolute, or its URI."""

    storage: Storage
    """Where its bucket is."""

    def table(self, version: int | None = None) -> Any:
        """The table in a version; None for the newest.

        Raises:
            DataError: it is not a table, or needs more than can be read.
            Forbidden, Unavailable: its bucket denies access or cannot be reached.
            UsageError: `deltalake` is not installed.
        """
        try:
            from deltalake import DeltaTable
            from deltalake.exceptions import TableNotFoundError
        except ImportError:
            raise UsageError(
                "data.source: Delta tables need deltalake, not installed here", next_step=_INSTALL
            ) from None
        try:
            return DeltaTable(self.path, version=version, storage_options=self._options())
        except TableNotFoundError:
            raise DataError(
                f"{self.location}: not a Delta table: there is no _delta_log with a version in it",
                next_step="name the folder that holds _delta_log; for a folder of files leave delta: out",
            ) from None
        except Exception as error:  # of the library's Rust code, which raises what it likes
            if is_uri(self.path):
                names_in(self.path, self.storage)  # says in our words that a bucket denies access or does not answer
            raise self._translated(error) from error

    def _options(self) -> dict[str, str] | None:
        if not is_uri(self.path):
            return None
        given = {"AWS_ENDPOINT_URL": self.storage.address, "AWS_REGION": self.storage.region}
        if self.storage.address.startswith("http://"):
            given["AWS_ALLOW_HTTP"] = "true"
        return {name: value for name, value in given.items() if value}

    def _translated(self, error: Exception) -> RaytemplateError:
        words = redact(str(error)).strip().split("\n", 1)[0][:200]
        if "olumn mapping" in words:
            return not_read(self.location, "columnMapping")
        return DataError(f"{self.location}: its log cannot be read: {words}")

    @cached_property
    def commits(self) -> Mapping[int, datetime]:
        """Versions whose commits are still in the log -> when they were made, oldest first."""
        found = {one["version"]: one.get("timestamp", 0) for one in self.table().history()}
        return {number: datetime.fromtimestamp(found[number] / 1000, UTC) for number in sorted(found)}

    def resolved(self, asked: str) -> int:
        """The version that `data.version` asks for.

        Raises:
            FieldError: there has never been such a version.
            IntegrityError: it is no longer in the log.
        """
        newest: int = self.table().version()
        if asked in ("", "latest"):
            return newest
        if asked.isdigit():
            if int(asked) > newest:
                raise FieldError(_VERSION, f"{self.location} has no version {asked}; the newest is {newest}")
            return int(asked)
        moment = parse_moment(asked)
        before = [number for number, made in self.commits.items() if made <= moment]
        if before:
            return before[-1]
        first, made = next(iter(self.commits.items()), (1, moment))
        if first > 0:
            self.refuse_gone(f"the version of {asked}", "its commit was removed from the log")
        raise FieldError(_VERSION, f"{self.location} is younger than {asked}; version 0 is of {_shown(made)}")

    def opened(self, version: int) -> Any:
        """The table in a version that it had.

        Raises:
            IntegrityError: the version is no longer in the log.
        """
        try:
            return self.table(version)
        except DataError:
            self.table()
            if version in self.commits and version >= self._oldest_whole():
                raise
            self.refuse_gone(f"version {version}", "its commit was removed from the log")

    def _oldest_whole(self) -> int:
        """The oldest version that the log can still rebuild."""
        for number in self.commits:
            try:
                self.table(number)
            except DataError:
                continue
            return number
        return 0

    def refuse_gone(self, what: str, why: str) -> NoReturn:
        """Tells that a version cannot be read any more, and which can.

        Raises:
            IntegrityError: always.
        """
        whole = sorted(number for number in list(self.commits)[-_MOST_LOOKED_AT:] if self._is_whole(number))
        there = f"there {_ranges(whole)}" if whole else "no version is complete"
        raise IntegrityError(
            f"{self.location}: {what} is gone: {why}; {there}",
            next_step=f"set data.version: {whole[-1]}" if whole else "restore the table from a copy",
        )

    def _is_whole(self, version: int) -> bool:
        try:
            files = _paths(self.table(version), self.path, self.location)
        except RaytemplateError:
            return False
        return all(exists(path, self.storage) for path in files)


def open_version(order: ListOrder) -> tuple[DeltaLog, TableVersion]:
    """The version of a table that an order asks for.

    Raises:
        DataError: not a Delta table, or one that needs more than its Parquet files.
        IntegrityError: the version is gone; names those that there are.
    """
    path = order.pattern if is_uri(order.pattern) else os.path.normpath(order.root / order.pattern)
    log = DeltaLog(location=order.pattern, path=path, storage=order.storage)
    number = log.resolved(order.version)
    table = log.opened(number)
    refuse_unreadable(table, log.location)
    return log, TableVersion(
        location=order.pattern,
        number=number,
        schema=pa.schema(table.schema()),
        partitions=tuple(table.metadata().partition_columns),
        files=tuple(sorted(_files(table, log, order.time), key=lambda file: file.path)),
    )


def exists(path: str, storage: Storage) -> bool:
    """Whether a file of a table is there."""
    folder, _, name = path.rpartition("/")
    return name in names_in(folder, storage) if is_uri(path) else os.path.exists(path)


def _paths(table: Any, folder: str, location: str) -> list[str]:
    return [_path(path, folder, location) for path in pa.table(table.get_add_actions()).column("path").to_pylist()]


def _path(written: str, folder: str, location: str) -> str:
    """The path or URI of a file; the log has it percent-encoded and relative to the table's folder."""
    path = unquote(written)
    if is_uri(folder):
        joined = f"{folder.rstrip('/')}/{path}"
        outside = is_uri(path) or ".." in path.split("/")
    else:
        joined = os.path.normpath(Path(folder) / path)
        outside = is_uri(path) or not Path(joined).is_relative_to(folder)
    if outside:
        raise DataError(
            f"{location}: has files of another table ({path[:80]}), as a shallow clone has",
            next_step="name that table, or make a deep clone",
        )
    return joined


def _files(table: Any, log: DeltaLog, time: str) -> Iterator[DeltaFile]:
    for row in pa.table(table.get_add_actions()).to_pylist():
        low, high = (_moment((row.get(end) or {}).get(time)) if time else None for end in ("min", "max"))
        values: Mapping[str, Any] = row.get("partition") or {}
        yield DeltaFile(
            path=_path(row["path"], log.path, log.location),
            partition={name: _text(value) for name, value in values.items()},
            time_min=low,
            time_max=high + _MILLISECOND if high else None,
        )


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def _text(value: Any) -> str | None:
    """A partition value as text that Arrow reads back as the same value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _shown(moment: datetime) -> str:
    return show_moment(moment.replace(microsecond=0))


def _ranges(numbers: list[int]) -> str:
    """ "is version 3", or "are versions 3 to 5 and 9" """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    together = " and ".join(filter(None, (", ".join(said[:-1]), said[-1])))
    return f"are versions {together}" if len(numbers) > 1 else f"is version {together}"
