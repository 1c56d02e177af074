"""The sources `csv` and `jsonl`: listed in one pass over each file, read range by range."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from raytemplate.data.sources.agreement import check_rows, check_same_schema, check_time
from raytemplate.data.sources.listing import SourceFile, SourceTable
from raytemplate.data.sources.locations import find_files, named, open_file
from raytemplate.data.sources.source import ListOrder, ReadResult, SliceOrder
from raytemplate.data.sources.storage import Storage
from raytemplate.data.sources.text.csv_format import CsvFormat
from raytemplate.data.sources.text.jsonl_format import JsonLinesFormat
from raytemplate.data.sources.text.kept import remembered
from raytemplate.data.sources.text.leading_zeros import joined
from raytemplate.data.sources.text.packed import unpacked
from raytemplate.data.sources.text.rules import EXACT, PROMISED, TIME, TYPES, Head, Reading, Rules, TextFormat, wider
from raytemplate.data.sources.text.scan import ByteRange, Scanned, at_line, scan, start_of, unpack
from raytemplate.data.times import between
from raytemplate.errors import DataError, IntegrityError
from raytemplate.plugins import suggest
from raytemplate.records.codec import Settings
from raytemplate.records.ingested import FileRead

_READERS = 2
_COLUMNS = "columns"  # key in a file's handle: the order of its columns, if it differs from the source's


class TextSource:
    """A source of text files in one format."""

    def __init__(self, format_: TextFormat) -> None:
        self.format, self.kind, self.endings = format_, format_.name, format_.endings

    def list_source(self, order: ListOrder) -> SourceTable:
        """See `Source`."""
        root = Path(os.path.abspath(order.root))
        paths = order.found or find_files(order.pattern, root, self.endings, order.storage)
        rules = self.format.settle(order.settings.to(Rules), start_of(paths[0], order.storage))
        fixed = {name: PROMISED[kind] for name, kind in order.types.items() if kind in PROMISED}
        times = (order.time, *(name for name, kind in order.types.items() if kind == TIME))
        fixed |= dict.fromkeys(filter(None, times), TIME)
        if self.format.name == "csv":
            fixed |= dict.fromkeys(order.written, "string")
        with ThreadPoolExecutor(_READERS) as pool:
            found = list(
                pool.map(
                    lambda path: remembered(
                        order,
                        path,
                        rules,
                        fixed,
                        lambda: scan(
                            path,
                            self.format,
                            rules,
                            order.time,
                            fixed,
                            order.storage,
                            order.most_bytes,
                            order.written,
                            order.masked,
                        ),
                    ),
                    paths,
                )
            )
        types = self._joined_types(paths, found, fixed, order.written)
        if not all(one.is_whole for one in found):  # the parts that were not examined may have values
            types |= {n: "null" for n in found[0].columns if all(one.types.get(n, "null") == "null" for one in found)}
        _check_time(paths[0], types, order.time)
        files = tuple(
            SourceFile(
                path=named(path, root),
                size_bytes=one.size_bytes,
                sha256=one.sha256,
                slices=one.slices,
                handle=Settings({} if one.columns == tuple(types) else {_COLUMNS: one.columns}),
                is_whole=one.is_whole,
            )
            for path, one in zip(paths, found, strict=True)
        )
        check_rows(order.pattern, files)
        counted = (name for name, kind in types.items() if kind in ("int64", EXACT) and name not in fixed)
        digits = {name: joined(one.digits[name] for one in found if name in one.digits) for name in counted}
        reading = Reading(rules=rules, columns=tuple(types), types=types, written=order.written)
        return SourceTable(
            kind=self.kind,
            root=str(root),
            files=files,
            schema=types,
            padded=tuple(name for name, one in digits.items() if one.are_ambiguous),
            reading=Settings.of(reading),
            location=Settings.of(order.storage),
        )

    def _joined_types(
        self, paths: Sequence[str], found: Sequence[Scanned], fixed: Mapping[str, str], written: tuple[str, ...]
    ) -> dict[str, str]:
        """One schema for all files, in the order of the first file; columns without any value are text."""
        types: dict[str, str] = {name: found[0].types.get(name, "null") for name in found[0].columns}
        any_text = {name for name in written if name in fixed}
        for path, one in zip(paths[1:], found[1:], strict=True):
            here = {name: one.types.get(name, "null") for name in one.columns}
            for name in [name for name in types if name in here]:
                joined_type = wider(types[name], here[name]) or ("string" if name in any_text else None)
                if joined_type is not None:
                    types[name] = here[name] = joined_type
            check_same_schema(path, here, paths[0], types, by_values=True)
        promised = {name: kind for name, kind in fixed.items() if name not in written}
        settled = {name: self.format.settled_type(kind, promised.get(name, kind)) for name, kind in types.items()}
        return {name: "string" if kind == "null" else kind for name, kind in settled.items()}

    def read_slice(self, order: SliceOrder) -> ReadResult:
        """See `Source`."""
        path, reading = order.path, order.reading.to(Reading)
        wanted = tuple(dict.fromkeys((*order.columns, order.time) if order.time else order.columns))
        _check_columns(path, wanted, reading)
        names = tuple(order.handle.get(_COLUMNS, reading.columns))
        ranges = tuple(handle.to(ByteRange) for handle in order.handles)
        size, contents = _read(path, ranges, order.location.to(Storage))
        pieces = zip(contents, ranges, strict=True)
        tables = [self._decode(path, content, at, names, reading, wanted, order.masked) for content, at in pieces]
        table = pa.concat_tables(tables)
        timeless = 0
        if order.time:
            times = table.column(order.time)
            table, timeless = table.filter(between(times, order.start, order.end)), times.null_count
        file = FileRead(
            path=order.path,
            size_bytes=size,
            row_groups=order.slices,
            bytes_read=sum(at.num_bytes for at in ranges),
            sha256=hashlib.sha256("".join(at.sha256 for at in ranges).encode()).hexdigest(),
            num_without_time=timeless,
        )
        return ReadResult(table=table.select(list(order.columns)), file=file)

    def _decode(
        self,
        location: str,
        content: bytes,
        at: ByteRange,
        names: tuple[str, ...],
        reading: Reading,
        wanted: tuple[str, ...],
        masked: tuple[str, ...],
    ) -> pa.Table:
        head = Head(columns=names, num_bytes=0, num_lines=0)
        with at_line(self.format, location, content, at.line, reading.rules, masked):
            return self.format.decode(content, head, reading, wanted)


def _check_time(path: str, types: Mapping[str, str], time: str) -> None:
    if not time:
        return
    if types.get(time) == "string":
        raise DataError(
            f"{path}: column {time} (data.time) has times with an offset, such as +01:00, and times without"
        )
    schema: Any = pa.schema([(name, TYPES.get(kind, pa.null())) for name, kind in types.items()])
    check_time(path, schema, time)


def _check_columns(location: str, wanted: tuple[str, ...], reading: Reading) -> None:
    for name in wanted:
        if name not in reading.types:
            raise DataError(f"{location}: no column {name}; {suggest(name, tuple(reading.types))}")
        if reading.types[name] not in TYPES:
            raise DataError(f"{location}: column {name} holds {reading.types[name]}, expected plain values")


def _read(location: str, ranges: Sequence[ByteRange], storage: Storage) -> tuple[int, list[bytes]]:
    """The size of the file, and the bytes of each range, verified to be those that were planned."""
    with open_file(location, storage) as file:
        size = file.seek(0, os.SEEK_END)
        contents = [
            _packed(location, file, at) if location.lower().endswith(".gz") else _part(file, at) for at in ranges
        ]
    for content, at in zip(contents, ranges, strict=True):
        if hashlib.sha256(content).hexdigest() != at.sha256:
            raise IntegrityError(
                f"{location}: changed since it was planned (from line {at.line:,} on)", next_step="plan again"
            )
    return size, contents


def _part(file: Any, at: ByteRange) -> bytes:
    file.seek(at.offset)
    return file.read(at.num_bytes)


def _packed(location: str, file: Any, at: ByteRange) -> bytes:
    return unpack(location, unpacked(file, location))[at.offset :]


CSV, JSONL = TextSource(CsvFormat()), TextSource(JsonLinesFormat())
