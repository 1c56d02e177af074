"""The door: a path to what there is in its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate import plugins
from raytemplate.data.reserved import INTERNAL, is_internal
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.listing import RowGroup, SourceFile, SourceTable
from raytemplate.data.sources.places import find_files, joined
from raytemplate.data.sources.reader import list_files, read_file, source_of
from raytemplate.data.sources.source import ListOrder, SliceOrder, Source
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.times import utc_days
from raytemplate.errors import UsageError
from raytemplate.plugins import suggest
from raytemplate.records.codec import Settings
from raytemplate.starting.survey.facts import ColumnFacts, Tally
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
    """What a person has said of the files.

    Args:
        data: a path, folder or pattern, from the working folder.
        time: the column of times, "" for none.
        header: whether CSV files have one; None leaves it to us.
        dates: formats of dates besides ISO 8601.
    """

    data: str
    target: str
    time: str = ""
    header: bool | None = None
    dates: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What there is. `days`: day (UTC) -> rows, where there is a time; `day_files`: day -> a file that has it.
    `sample`: rows from all over the files.

    `format` is "auto" where the files' endings say it.
    """

    asked: Asked
    format: str
    source: SourceTable
    writing: Writing
    columns: tuple[ColumnFacts, ...]
    num_rows: int
    days: Mapping[date, int]
    sample: pa.Table
    day_files: Mapping[date, str] = field(default_factory=dict[date, str])

    def column(self, name: str) -> ColumnFacts:
        """One column's facts."""
        return next(column for column in self.columns if column.name == name)


def survey(asked: Asked, root: Path) -> Survey:
    """Every row is read once; what is kept is bounded.

    Raises:
        DataError: no file, or one that cannot be read.
        UsageError: no such target or time column, no header, dates that may be read in two ways.
    """
    first, format_ = _first_csv(asked.data, root)
    sample = sample_of(first) if first else None
    writing = Writing()
    if first and sample:
        writing = writing_of(first, sample, asked.target, asked.time, asked.header, asked.dates)
    types = dict.fromkeys(writing.as_text, "text") | ({asked.time: "time"} if asked.time else {})
    order = ListOrder(pattern=asked.data, root=root, settings=Settings(writing.csv), types=types)
    source = list_files(format_, order)
    _check_columns(asked, source, first, ",".join(sample.first)[:60] if sample else "")
    readable = tuple(name for name, kind in source.schema.items() if kind.startswith(_READABLE))
    tallies = {name: Tally(name=name) for name in readable}
    days: Counter[date] = Counter()
    day_files: dict[date, str] = {}
    most = min(_SAMPLE_ROWS, max(200, _SAMPLE_VALUES // len(tallies)))
    kept = _take_all(source, tallies, days, day_files, asked.time, most)
    num_rows = sum(file.num_rows for file in source.files)
    found = {name: tally.facts(kept.column(name)) for name, tally in tallies.items()}
    other = {name: ColumnFacts(name=name, type="other", num_rows=num_rows, num_null=0) for name in source.schema}
    return Survey(
        asked=asked, format=format_, source=source, writing=writing, num_rows=num_rows, days=days, sample=kept,
        day_files=day_files,
        columns=tuple(found.get(name, other[name]) for name in source.schema),
    )  # fmt: skip


def _first_csv(pattern: str, root: Path) -> tuple[str, str]:
    """The first file, where it is CSV, else ""; and `data.format`. An ending that nobody knows is taken for CSV."""
    sources: list[Source] = list(plugins.every(plugins.SOURCES).values())
    endings = tuple(ending for source in sources for ending in source.endings)
    path = find_files(pattern, root, endings)[0]
    if not path.lower().endswith(endings):
        return path, "csv"
    return path if path.lower().endswith(source_of("csv").endings) else "", "auto"


def _check_columns(asked: Asked, source: SourceTable, first_csv: str, first_record: str) -> None:
    names = tuple(source.schema)
    if asked.target not in names:
        line = f'; the first line is "{first_record}": if that is data, add --no-header' if first_csv else ""
        line = "" if asked.header is False else line
        raise UsageError(f'--target: no column "{asked.target}" in {asked.data}; {suggest(asked.target, names)}{line}')
    for option, column in (("--target", asked.target), ("--time", asked.time)):
        if is_internal(column):
            raise UsageError(f'{option}: "{column}" begins with {INTERNAL}, as columns that runs use themselves do',
                             next_step="rename it in the data")  # fmt: skip
    if not asked.time:
        return
    if asked.time not in names:
        raise UsageError(f'--time: no column "{asked.time}" in {asked.data}; {suggest(asked.time, names)}')
    kind = source.schema[asked.time]
    if not kind.startswith(("timestamp", "date32")):
        dates = "; give the format of its dates, such as --dates %d.%m.%Y" if first_csv and kind == "string" else ""
        raise UsageError(f"--time: column {asked.time} is {kind}, expected a timestamp or a date{dates}")
    if asked.time == asked.target:
        raise UsageError(f"--time and --target are both {asked.time}; expected two columns")


def _take_all(
    source: SourceTable, tallies: Mapping[str, Tally], days: Counter[date], day_files: dict[date, str], time: str,
    most: int,
) -> pa.Table:  # fmt: skip
    """Every row into the tallies; some rows from all over the files."""
    pieces = [(file, group) for file in source.files for group in file.row_groups if group.num_rows]
    every = max(1, len(pieces) // _SAMPLE_PARTS)
    num_parts = len(range(0, len(pieces), every))
    parts: list[pa.Table] = []
    for number, table in enumerate(_tables(source, pieces, tuple(tallies))):
        for name, tally in tallies.items():
            tally.take(table.column(name))
        if time:
            days.update(found := _days(table.column(time)))
            for day in found:
                day_files.setdefault(day, pieces[number][0].path)
        if number % every == 0:
            parts.append(_some(table, max(1, most // num_parts)))
    return pa.concat_tables(parts, promote_options="permissive")


def _tables(
    source: SourceTable, pieces: Sequence[tuple[SourceFile, RowGroup]], columns: tuple[str, ...]
) -> Iterator[pa.Table]:
    """The rows of each piece, in their order; a few are read ahead."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, len(pieces), _THREADS):
            yield from pool.map(partial(_read, source, columns), pieces[first : first + _THREADS])


def _read(source: SourceTable, columns: tuple[str, ...], piece: tuple[SourceFile, RowGroup]) -> pa.Table:
    file, group = piece
    order = SliceOrder(
        path=joined(source.root, file.path), footer_sha256=file.footer_sha256, row_groups=(group.index,),
        ranges=(group.range,) if group.range else (), columns=columns, start=datetime.min, end=datetime.max,
        file_columns=file.columns, reading=source.reading, storage=source.storage,
    )  # fmt: skip
    kinds = {name: source.schema[name] for name in file.partitions}
    return as_read(read_file(source.kind, order, file.partitions, kinds).table, Rules())


def _some(table: pa.Table, rows: int) -> pa.Table:
    """Evenly spread rows of a table: a sorted file has all of its values in them."""
    step = max(1, table.num_rows // rows)
    return table.take(pa.array(range(0, table.num_rows, step))) if step > 1 else table.slice(0, rows)


def _days(column: Any) -> dict[date, int]:
    """Rows by day, in UTC."""
    days = pc.value_counts(utc_days(column))
    return {one["values"]: one["counts"] for one in days.to_pylist() if one["values"] is not None}
