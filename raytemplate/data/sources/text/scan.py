"""One pass over a text file before planning: ranges of whole records, rows, times and types.

It needs the memory of one block, whatever the size of the file.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa

from raytemplate.data.sources.listing import Slice
from raytemplate.data.sources.locations import HERE, open_file
from raytemplate.data.sources.storage import Storage
from raytemplate.data.sources.text.encoding import check_start, check_text
from raytemplate.data.sources.text.leading_zeros import Digits, joined
from raytemplate.data.sources.text.packed import unpacked
from raytemplate.data.sources.text.rules import Head, Misread, Rules, TextFormat, wider
from raytemplate.data.sources.text.values import as_written
from raytemplate.data.times import is_time, rows_by_time, time_range
from raytemplate.errors import DataError
from raytemplate.records.codec import Settings

BLOCK_BYTES = 8 * 2**20
"""Size of a range, which is read and parsed as a whole."""

MOST_BLOCK_BYTES = 256 * 2**20
"""Longest record; a file with a longer one is hardly a file of records."""

MOST_PACKED_BYTES = 2 * 2**30 - 1
"""Most bytes of an unpacked gzip file. It is a single range, because it can only be unpacked from its beginning."""

START_BYTES = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteRange:
    """Whole records of a text file."""

    offset: int
    """Offset of the first byte, in the unpacked file."""

    num_bytes: int
    """Bytes of the records."""

    line: int
    """Line on which they start, from 1."""

    sha256: str
    """Digest of their bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanned:
    """The result of one pass."""

    size_bytes: int
    """Size of the file, as stored."""

    head: Head
    """What precedes the first record."""

    columns: tuple[str, ...]
    """The columns, in the order of the file."""

    types: Mapping[str, str]
    """Column -> Arrow type as text; "null" if no value was seen."""

    slices: tuple[Slice, ...]
    """The ranges of records."""

    digits: Mapping[str, Digits] = field(default_factory=dict[str, Digits])
    """Column of whole numbers -> how long they are as they are written."""

    is_whole: bool = True
    """Whether the whole file was examined."""

    @property
    def sha256(self) -> str:
        """Digest that identifies the content of the whole file."""
        digests = "".join(one.handle["sha256"] for one in self.slices)
        return hashlib.sha256(digests.encode()).hexdigest()


@dataclass(kw_only=True, slots=True)
class _Pass:
    """A pass under way, and what it has found so far."""

    location: str
    format: TextFormat
    rules: Rules
    head: Head
    time: str
    fixed: Mapping[str, str]
    written: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict[str, str])
    digits: dict[str, Digits] = field(default_factory=dict[str, Digits])
    slices: list[Slice] = field(default_factory=list[Slice])
    offset: int = 0
    line: int = 1

    def take(self, content: bytes) -> None:
        """Adds one range of whole records."""
        check_text(content, self.location, self.line)
        promised = [name for name in self.fixed if name in self.head.columns]
        with at_line(self.format, self.location, content, self.line, self.rules, self.masked):
            table = self.format.infer(content, self.head, self.rules, self.fixed)
            digits = self.format.digits(content, self.head, self.rules, table.drop_columns(promised))
        self.digits |= {name: joined((self.digits.get(name, one), one)) for name, one in digits.items()}
        for name, kind in zip(table.column_names, table.schema.types, strict=True):
            quoted = self.format.name == "jsonl"
            found = as_written(table.column(name), quoted=quoted) if name in self.written else str(kind)
            self.types[name] = self._joined(name, found)
        low, high = self._times(table)
        at = ByteRange(
            offset=self.offset, num_bytes=len(content), line=self.line, sha256=hashlib.sha256(content).hexdigest()
        )
        self.slices.append(
            Slice(
                number=len(self.slices),
                num_rows=table.num_rows,
                time_min=low,
                time_max=high,
                num_bytes=len(content),
                handle=Settings.of(at),
                time_rows=rows_by_time(table.column(self.time)) if low is not None else {},
            )
        )
        self.offset += len(content)
        self.line += content.count(b"\n")

    def _joined(self, name: str, kind: str) -> str:
        before = self.types.get(name, "null")
        joined = wider(before, kind)
        if joined is None and self.format.name == "jsonl":
            raise DataError(f"{self.location}: column {name} is {before} before line {self.line}, then {kind}")
        return joined or "string"

    def _times(self, table: pa.Table) -> tuple[datetime | None, datetime | None]:
        if self.time not in table.column_names or not is_time(table.column(self.time).type):
            return None, None
        return time_range(table.column(self.time))


def scan(
    location: str,
    format_: TextFormat,
    rules: Rules,
    time: str,
    fixed: Mapping[str, str],
    storage: Storage = HERE,
    most_bytes: int | None = None,
    written: tuple[str, ...] = (),
    masked: tuple[str, ...] = (),
) -> Scanned:
    """Every range of a file, with its rows and times.

    Args:
        rules: settled; see `TextFormat.settle`.
        fixed: column -> Arrow type that was promised, and is not inferred.
        most_bytes: see `ListOrder`.
        written, masked: see `ListOrder`.

    Raises:
        DataError: the file is unreadable or not UTF-8, or a record cannot be read; names file and line.
    """
    with open_file(location, storage) as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = head_of(location, format_, rules, _start(file, location))
        work = _Pass(
            location=location,
            format=format_,
            rules=rules,
            head=head,
            time=time,
            fixed=fixed,
            offset=head.num_bytes,
            line=1 + head.num_lines,
            written=written,
            masked=masked,
        )
        is_whole = True
        if most_bytes is not None:
            is_whole = _take_beginning(work, unpacked(file, location), most_bytes)
        elif location.lower().endswith(".gz"):
            _take_packed(work, unpacked(file, location), head)
        else:
            for content in _blocks(file, work):
                work.take(content)
    return Scanned(
        size_bytes=size,
        head=head,
        columns=head.columns or tuple(work.types),
        types=work.types,
        digits=work.digits,
        slices=tuple(work.slices),
        is_whole=is_whole,
    )


def start_of(location: str, storage: Storage = HERE) -> bytes:
    """The first bytes of a file, unpacked."""
    with open_file(location, storage) as file:
        return _start(file, location)


def head_of(location: str, format_: TextFormat, rules: Rules, start: bytes) -> Head:
    """What precedes the first record of a file.

    Raises:
        DataError: it cannot be read, is not UTF-8 text, or is empty.
    """
    check_start(start, location, whole=len(start) < START_BYTES)
    with at_line(format_, location, b"", 1, rules):
        return format_.head(start, rules)


def _start(file: BinaryIO, location: str) -> bytes:
    try:
        return unpacked(file, location).read(START_BYTES)
    except (OSError, EOFError) as error:
        raise DataError(f"{location}: damaged: {error}; write it again") from error


def _blocks(file: BinaryIO, work: _Pass) -> Iterator[bytes]:
    file.seek(work.head.num_bytes)
    rest = b""
    while more := file.read(BLOCK_BYTES):
        block = rest + more
        with at_line(work.format, work.location, block, work.line, work.rules, work.masked):
            end = work.format.cut(block, work.rules, last=False)
        if end == 0 and len(block) > MOST_BLOCK_BYTES:
            raise DataError(f"{work.location}:{work.line}: no end of this record within {MOST_BLOCK_BYTES:,} bytes")
        if end:
            yield block[:end]
        rest = block[end:]
    with at_line(work.format, work.location, rest, work.line, work.rules, work.masked):
        work.format.cut(rest, work.rules, last=True)
    if rest.strip():
        yield rest


def _take_beginning(work: _Pass, file: BinaryIO, most_bytes: int) -> bool:
    """Takes the first whole records of a file, about `most_bytes` of them; returns whether that is the whole file."""
    content, end, last = b"", 0, False
    while not end and not last:
        if most_bytes > MOST_BLOCK_BYTES:
            raise DataError(f"{work.location}:{work.line}: no end of this record within {MOST_BLOCK_BYTES:,} bytes")
        try:
            file.seek(0)
            content = file.read(work.head.num_bytes + most_bytes)[work.head.num_bytes :]
        except (OSError, EOFError) as error:
            raise DataError(f"{work.location}: damaged: {error}; write it again") from error
        last = len(content) < most_bytes
        with at_line(work.format, work.location, content, work.line, work.rules, work.masked):
            end = work.format.cut(content, work.rules, last=last)
        most_bytes *= 4  # in case not even the first record ended within them
    if content[:end].strip():
        work.take(content[:end])
    return last


def _take_packed(work: _Pass, file: BinaryIO, head: Head) -> None:
    """Takes a gzip file as one range."""
    content = unpack(work.location, file)[head.num_bytes :]
    with at_line(work.format, work.location, content, work.line, work.rules, work.masked):
        work.format.cut(content, work.rules, last=True)
    if content.strip():
        work.take(content)


def unpack(location: str, file: BinaryIO) -> bytes:
    """The unpacked content of a gzip file.

    Raises:
        DataError: the file is damaged, or too large to be unpacked at once.
    """
    try:
        content = file.read(MOST_PACKED_BYTES + 1)
    except (OSError, EOFError) as error:
        raise DataError(f"{location}: damaged: {error}; write it again") from error
    if len(content) > MOST_PACKED_BYTES:
        raise DataError(f"{location}: unpacks to more than {MOST_PACKED_BYTES:,} bytes; split it, or unpack it")
    return content


class at_line:  # noqa: N801  reads as a clause: with at_line(...)
    """Turns a `Misread` raised in its block into a `DataError` with file and line, which quotes no masked value."""

    def __init__(
        self,
        format_: TextFormat,
        location: str,
        content: bytes,
        line: int,
        rules: Rules,
        masked: tuple[str, ...] = (),
    ) -> None:
        self._format, self._location, self._content, self._line, self._rules = format_, location, content, line, rules
        self._masked = masked

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, Misread):
            return
        line = self._line
        if error.row and self._content:
            line += self._format.line_of(self._content, error.row, self._rules)
        where = f"{self._location}:{line}" if error.row else self._location
        advice = self._format.time_advice(self._rules) if error.no_time else ""
        told = DataError(f"{where}: {error.why_without(self._masked)}", next_step=advice)
        raise told from (None if self._masked else error)  # a traceback would quote the value
