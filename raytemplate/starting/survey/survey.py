"""The door from a path to what its files hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate import plugins
from raytemplate.data.mask_options import MaskRule
from raytemplate.data.masking import masked_schema
from raytemplate.data.missing import is_missing
from raytemplate.data.profile.column import NOTHING, ColumnProfile, column_profile, merge
from raytemplate.data.raw_rows import quoting_nothing
from raytemplate.data.reserved import INTERNAL, is_internal
from raytemplate.data.sources.as_read import as_read, word_of
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.locations import find_files
from raytemplate.data.sources.naming import split_source
from raytemplate.data.sources.reader import list_files, read_slices, source_of
from raytemplate.data.sources.source import ListOrder, Source, order_of
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.times import utc_days
from raytemplate.errors import DataError, UsageError
from raytemplate.plugins import suggest
from raytemplate.records.codec import Settings
from raytemplate.starting.survey.dates import formats_of
from raytemplate.starting.survey.facts import ColumnFacts, facts_of
from raytemplate.starting.survey.masks import check_masks, masked_for_a_look
from raytemplate.starting.survey.sample import sample_of
from raytemplate.starting.survey.writing import Writing, writing_of

pc: Any = pyarrow.compute

_READABLE = (
    "int", "uint", "float", "double", "halffloat", "decimal", "bool", "timestamp", "date32", "string", "large_string",
    "dictionary",
)  # fmt: skip
_THREADS = 2
_SAMPLE_ROWS, _SAMPLE_VALUES, _SAMPLE_PARTS = 100_000, 2_000_000, 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the user has told about the files."""

    data: str
    """A path, folder or pattern, relative to the working folder."""
    target: str
    """The column to predict."""
    time: str = ""
    """The time column, "" for none."""
    header: bool | None = None
    """Whether CSV files have a header; None to find out."""
    dates: tuple[str, ...] = ()
    """Date formats besides ISO 8601."""
    mask: Mapping[str, MaskRule] = field(default_factory=dict[str, MaskRule])
    """Columns that are masked as they are read -> how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What the files hold."""

    asked: Asked
    """What the user has told about them."""
    format: str
    """The value of `data.format`: "auto" if the files' endings tell it."""
    source: SourceTable
    """The files and their columns."""
    writing: Writing
    """What is special about CSV files."""
    columns: tuple[ColumnFacts, ...]
    """Facts about each column."""
    num_rows: int
    """Rows in all files."""
    days: Mapping[date, int]
    """Day (UTC) -> rows; empty if there is no time column."""
    sample: pa.Table
    """Rows from all over the files."""
    labelled_rows: pa.Table
    """Rows with a target from all over the files, even if only few rows have one."""
    labelled: Mapping[date, int] = field(default_factory=dict[date, int])
    """Day (UTC) -> rows with a target."""
    day_files: Mapping[date, str] = field(default_factory=dict[date, str])
    """Day (UTC) -> a file that has rows of it."""

    def column(self, name: str) -> ColumnFacts:
        """The facts about one column."""
        return next(column for column in self.columns if column.name == name)


def survey(asked: Asked, root: Path) -> Survey:
    """Read every row once, in bounded memory.

    Raises:
        DataError: there is no file, or one cannot be read.
        UsageError: there is no such target or time column, no header, or dates are ambiguous.
    """
    first, format_ = _first_csv(asked.data, root)
    sample = sample_of(first) if first else None
    writing = Writing()
    if first and sample:
        writing = writing_of(first, sample, asked.target, asked.time, asked.header, asked.dates, tuple(asked.mask))
    types = dict.fromkeys(writing.as_text, "text") | ({asked.time: "time"} if asked.time else {})
    order = ListOrder(
        pattern=asked.data, root=root, settings=Settings(writing.csv), types=types, masked=tuple(asked.mask)
    )
    source = list_files(format_, order)
    if source.padded:  # codes whose zeros are in the names of folders, or behind the sample
        writing = replace(writing, as_text=(*writing.as_text, *source.padded))
        order = replace(order, types={**order.types, **dict.fromkeys(source.padded, "text")})
        source = list_files(format_, order)
    if not first and (dates := _numbers_as_times(source, asked.time)):
        writing = Writing(csv={"dates": list(dates)}, reasons={"dates": f"as in {asked.time}"})
        source = list_files(format_, replace(order, settings=Settings(writing.csv)))
    _check_columns(asked, source, first, ",".join(sample.first)[:60] if sample and not asked.mask else "")
    unmasked = {name: word_of(source.schema[name]) for name in asked.mask}
    source = replace(source, schema=masked_schema(source.schema, asked.mask))
    readable = tuple(name for name, kind in source.schema.items() if kind.startswith(_READABLE))
    most = min(_SAMPLE_ROWS, max(200, _SAMPLE_VALUES // len(readable)))
    profiles = dict.fromkeys(readable, NOTHING)
    days, labelled = Counter[date](), Counter[date]()
    day_files: dict[date, str] = {}
    parts, labelled_rows = list[pa.Table](), list[pa.Table]()
    for piece in _pieces(source, readable, asked, most):
        profiles = {name: merge(before, piece.profiles[name]) for name, before in profiles.items()}
        days.update(piece.days)
        labelled.update(piece.labelled)
        for day in piece.days:
            day_files.setdefault(day, piece.file)
        parts.append(piece.sample)
        labelled_rows.append(piece.labelled_rows)
    kept, known = (pa.concat_tables(tables, promote_options="permissive") for tables in (parts, labelled_rows))
    num_rows = sum(file.num_rows for file in source.files)
    found = {
        name: facts_of(name, profile, kept.column(name), unmasked.get(name, "")) for name, profile in profiles.items()
    }
    other = {name: ColumnFacts(name=name, type="other", num_rows=num_rows, num_null=0) for name in source.schema}
    return Survey(
        asked=asked,
        format=format_,
        source=source,
        writing=writing,
        num_rows=num_rows,
        days=days,
        sample=kept,
        labelled_rows=known,
        labelled=labelled,
        day_files=day_files,
        columns=tuple(found.get(name, other[name]) for name in source.schema),
    )


def _first_csv(pattern: str, root: Path) -> tuple[str, str]:
    """The first file if it is CSV, else ""; and `data.format`. A file with an unknown ending counts as CSV."""
    if split_source(pattern)[0]:
        return "", "auto"
    sources: list[Source] = list(plugins.every(plugins.SOURCES).values())
    endings = tuple(ending for source in sources for ending in source.endings)
    path = find_files(pattern, root, endings)[0]
    if not path.lower().endswith(endings):
        return path, "csv"
    return path if path.lower().endswith(source_of("csv").endings) else "", "auto"


def _numbers_as_times(source: SourceTable, time: str) -> tuple[str, ...]:
    """The year format, if a column of whole numbers holds years; empty if it holds anything else."""
    if not source.schema.get(time, "").startswith(("int", "uint")):
        return ()
    file = next(file for file in source.files if file.num_rows)
    values: Any = read_slices(order_of(source, file, file.slices[:1], (time,))).table.column(time)
    return formats_of([str(value) for value in values.drop_null().unique().to_pylist()], ("%Y",))


def _check_columns(asked: Asked, source: SourceTable, first_csv: str, first_record: str) -> None:
    names = tuple(source.schema)
    if asked.target not in names:
        line = f'; the first line is "{first_record}": if that is data, add --no-header' if first_record else ""
        line = line or ("; if the first line is data, add --no-header" if first_csv else "")
        line = "" if asked.header is False else line
        raise UsageError(f'--target: no column "{asked.target}" in {asked.data}; {suggest(asked.target, names)}{line}')
    for option, column in (("--target", asked.target), ("--time", asked.time)):
        if is_internal(column):
            raise UsageError(
                f'{option}: "{column}" begins with {INTERNAL}, which is reserved for internal columns',
                next_step="rename it in the data",
            )
    kind = source.schema[asked.target]
    if not kind.startswith(_READABLE):
        raise UsageError(f"--target: column {asked.target} is {kind}, expected a number, text or a boolean")
    check_masks(asked.mask, source, asked.target, asked.time)
    if not asked.time:
        return
    if asked.time not in names:
        raise UsageError(f'--time: no column "{asked.time}" in {asked.data}; {suggest(asked.time, names)}')
    kind = source.schema[asked.time]
    if not kind.startswith(("timestamp", "date32")):
        dates = "; give the format of its dates, such as --dates %d.%m.%Y" if first_csv and kind == "string" else ""
        raise UsageError(f"--time: column {asked.time} is {kind}, expected a timestamp, a date or whole years{dates}")
    if asked.time == asked.target:
        raise UsageError(f"--time and --target are both {asked.time}; expected two columns")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """What is kept of one slice of a file."""

    file: str
    """The file's path."""
    profiles: Mapping[str, ColumnProfile]
    """Column -> its profile."""
    days: Mapping[date, int]
    """Day (UTC) -> rows."""
    labelled: Mapping[date, int]
    """Day (UTC) -> rows with a target."""
    sample: pa.Table
    """Some rows."""
    labelled_rows: pa.Table
    """Some rows with a target."""


def _pieces(source: SourceTable, columns: tuple[str, ...], asked: Asked, most: int) -> Iterator[_Piece]:
    """Every slice in order, a few at a time; samples of `most` rows in all, from all over the files."""
    groups = [(file, group) for file in source.files for group in file.slices if group.num_rows]
    every = max(1, len(groups) // _SAMPLE_PARTS)
    sampled = range(0, len(groups), every)
    look = partial(_look, source, columns, asked, max(1, most // max(1, len(groups))))
    orders = [(*piece, max(1, most // len(sampled)) if n in sampled else 0) for n, piece in enumerate(groups)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, len(orders), _THREADS):
            yield from pool.map(look, orders[first : first + _THREADS])


def _look(
    source: SourceTable,
    columns: tuple[str, ...],
    asked: Asked,
    most: int,
    order: tuple[SourceFile, Slice, int],
) -> _Piece:
    file, group, num_sampled = order
    with quoting_nothing(file.path) if asked.mask else nullcontext():
        wanted = order_of(source, file, [group], columns, tuple(asked.mask))
        table = masked_for_a_look(as_read(read_slices(wanted).table, Rules()), asked.mask)
    days, labelled = dict[date, int](), dict[date, int]()
    known = np.arange(table.num_rows)
    if asked.target in columns:
        known = np.flatnonzero(~is_missing(table.column(asked.target)).to_numpy())
    if asked.time:
        days = labelled = _days(table.column(asked.time))
    if asked.time and len(known) < table.num_rows:
        labelled = _days(table.column(asked.time).take(pa.array(known)))
    return _Piece(
        file=file.path,
        profiles={name: _profile(name, table.column(name)) for name in columns},
        days=days,
        labelled=labelled,
        sample=_some(table, num_sampled),
        labelled_rows=table.take(pa.array(known[:: max(1, len(known) // most)])),
    )


def _profile(name: str, column: Any) -> ColumnProfile:
    try:
        return column_profile(column)
    except DataError as error:
        raise DataError(f"column {name}: {error.what}", next_step="give files without such times") from error


def _some(table: pa.Table, rows: int) -> pa.Table:
    """Evenly spread rows of a table, so that a sample of a sorted file covers all its values."""
    step = max(1, table.num_rows // rows) if rows else 1
    chosen = range(0, table.num_rows, step) if step > 1 else range(table.num_rows)[:rows]
    return table.take(pa.array(chosen, pa.int64()))  # copies; a slice, even of no rows, keeps the table's buffers alive


def _days(column: Any) -> dict[date, int]:
    """Rows by day, in UTC."""
    days = pc.value_counts(utc_days(column))
    return {one["values"]: one["counts"] for one in days.to_pylist() if one["values"] is not None}
