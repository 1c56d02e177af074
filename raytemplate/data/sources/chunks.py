"""Reads chosen columns of chosen row groups of Parquet files; the bytes that are hashed are those that are decoded."""

import hashlib
import io
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.data.sources.dictionary_sizes import decoded_bytes, may_repeat
from raytemplate.data.sources.footer import Footer, arrow_schema, chunk_range, column_of, read_footer
from raytemplate.data.sources.locations import open_file
from raytemplate.data.sources.source import ReadResult, SliceOrder
from raytemplate.data.sources.storage import Storage
from raytemplate.data.times import between, first_of_years, is_time
from raytemplate.errors import DataError, IntegrityError
from raytemplate.plugins import suggest
from raytemplate.records.ingested import FileRead
from raytemplate.units import show_bytes

YEARS = "years"
"""The setting that names columns of whole numbers that are years."""

MAX_GROUP_BYTES = 4 * 2**30
"""Most bytes a row group may unpack to; a larger one is refused before its first row is read."""

MAX_RATIO, RATIO_FROM_BYTES = 500, 512 * 2**20
"""Greatest ratio of unpacked to stored bytes, for row groups that unpack to more than 512 MiB: real tables reach 2 to
50."""


def read_slice(order: SliceOrder) -> ReadResult:
    """The rows of one file with start <= time < end, from the given row groups only; without `time`, all their rows.

    Each column chunk is read once, in file order; its bytes are hashed and then decoded, and page checksums are
    verified if the writer stored them. Rows without a time are in no window.

    Raises:
        DataError: the file is missing, cut off or damaged, a column does not exist, or a row group is too large.
        IntegrityError: the file has changed since it was planned.
    """
    path, row_groups, columns, time = order.path, order.slices, order.columns, order.time
    with open_file(path, order.location.to(Storage)) as file:
        footer = read_footer(file, path)
        if order.sha256 not in (None, footer.sha256):
            raise IntegrityError(
                f"{path}: changed since it was planned (its footer is another one)", next_step="plan again"
            )
        wanted = tuple(dict.fromkeys((*columns, time) if time else columns))
        years = order.reading.get(YEARS, ())
        names = _check_columns(footer, path, wanted, "" if time in years else time)
        pieces = _read_pieces(file, path, footer, row_groups, wanted, names)
    _refuse_repeated(pieces, path, footer, row_groups, wanted, names)
    table = _with_years(_decode(pieces, path, footer, row_groups, wanted), years, path)
    timeless = 0
    if time:
        times = table.column(time)
        table, timeless = table.filter(between(times, order.start, order.end)).select(list(columns)), times.null_count
    return ReadResult(table=table, file=_record(path, footer, row_groups, pieces, timeless))


def _check_columns(footer: Footer, path: str, wanted: tuple[str, ...], time: str) -> frozenset[str]:
    schema: Any = arrow_schema(footer, path)
    for name in wanted:
        if name not in schema.names:
            raise DataError(f"{path}: no column {name}; {suggest(name, tuple(schema.names))}")
    if time and not is_time(schema.field(time).type):
        raise DataError(f"{path}: column {time} is {schema.field(time).type}, expected a timestamp or a date")
    return frozenset(schema.names)


def _read_pieces(
    file: BinaryIO,
    path: str,
    footer: Footer,
    row_groups: tuple[int, ...],
    wanted: tuple[str, ...],
    names: frozenset[str],
) -> Mapping[int, bytes]:
    """Offset -> bytes of every chosen column chunk, in file order."""
    ranges: dict[int, int] = {}
    for index in row_groups:
        if not 0 <= index < footer.metadata.num_row_groups:
            raise DataError(f"{path}: no row group {index}, there are {footer.metadata.num_row_groups}")
        group = footer.metadata.row_group(index)
        chunks = [group.column(i) for i in range(group.num_columns)]
        chunks = [chunk for chunk in chunks if column_of(chunk.path_in_schema, names) in wanted]
        _check_size(chunks, group.num_rows, path, index)
        ranges.update(chunk_range(chunk, footer, path) for chunk in chunks)
    pieces: dict[int, bytes] = {}
    for offset, length in sorted(ranges.items()):
        file.seek(offset)
        pieces[offset] = file.read(length)
        if len(pieces[offset]) != length:
            raise DataError(f"{path}: cut off while it was read; write it again")
    return pieces


def _check_size(chunks: list[Any], num_rows: int, path: str, index: int) -> None:
    """Refuses a row group that unpacks to too much. A footer may claim fewer bytes than the pages unpack to, so rows
    times the width of the type counts as well."""
    widths = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12, "BYTE_ARRAY": 4}
    need = sum(max(c.total_uncompressed_size, num_rows * widths.get(c.physical_type, 8)) for c in chunks)
    _refuse_size(need, sum(c.total_compressed_size for c in chunks), path, index)


def _refuse_size(need: int, stored: int, path: str, index: int) -> None:
    if need > MAX_GROUP_BYTES or need > max(RATIO_FROM_BYTES, MAX_RATIO * stored):
        raise DataError(
            f"{path}: row group {index} unpacks from {show_bytes(stored)} to {show_bytes(need)}; the limit is "
            f"{show_bytes(MAX_GROUP_BYTES)}, and {MAX_RATIO} times its size above {show_bytes(RATIO_FROM_BYTES)}; "
            "write it again with smaller row groups"
        )


def _refuse_repeated(
    pieces: Mapping[int, bytes],
    path: str,
    footer: Footer,
    row_groups: tuple[int, ...],
    wanted: tuple[str, ...],
    names: frozenset[str],
) -> None:
    """Refuses a row group of which few bytes are a long text that many rows repeat; only what might be one is read."""
    for index in row_groups:
        group = footer.metadata.row_group(index)
        chunks = [group.column(i) for i in range(group.num_columns)]
        chunks = [chunk for chunk in chunks if column_of(chunk.path_in_schema, names) in wanted]
        if columns := may_repeat(chunks, RATIO_FROM_BYTES):
            with _damage(path):
                need = decoded_bytes(_opened(pieces, footer, columns), index, columns)
            _refuse_size(need, sum(c.total_compressed_size for c in chunks), path, index)


def _decode(
    pieces: Mapping[int, bytes], path: str, footer: Footer, row_groups: tuple[int, ...], wanted: tuple[str, ...]
) -> Any:
    with _damage(path):
        file = _opened(pieces, footer)
        return file.read_row_groups(list(row_groups), columns=list(wanted), use_threads=False).select(list(wanted))


def _opened(pieces: Mapping[int, bytes], footer: Footer, as_dictionaries: Sequence[str] = ()) -> Any:
    return pq.ParquetFile(
        _Pieces(pieces, footer.size_bytes),
        metadata=footer.metadata,
        page_checksum_verification=True,
        pre_buffer=False,
        read_dictionary=list(as_dictionaries),
    )


@contextmanager
def _damage(path: str) -> Generator[None]:
    """Name the file whose pages cannot be decoded."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        words = str(error).strip().split("\n", 1)[0][:200]
        raise DataError(f"{path}: damaged: {words}; write it again, or take it from a copy") from error


def _with_years(table: Any, years: Sequence[str], path: str) -> Any:
    for name in years:
        if name in table.column_names:
            try:
                column = first_of_years(table.column(name))
            except pa.ArrowInvalid as error:
                raise DataError(f"{path}: column {name} has a value that is not a year such as 2024") from error
            table = table.set_column(table.column_names.index(name), name, column)
    return table


class _Pieces(io.RawIOBase):
    """The file as Arrow sees it, with only the column chunks that were read and hashed."""

    def __init__(self, pieces: Mapping[int, bytes], size: int) -> None:
        super().__init__()
        self._pieces, self._size, self._at = pieces, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        for start, piece in self._pieces.items():
            if start <= self._at < start + len(piece):
                part = piece[self._at - start :][: None if size < 0 else size]
                self._at += len(part)
                return part
        raise EOFError(f"byte {self._at} belongs to no column that was asked for")


def _record(
    path: str, footer: Footer, row_groups: tuple[int, ...], pieces: Mapping[int, bytes], num_without_time: int
) -> FileRead:
    digest = hashlib.sha256()
    for piece in pieces.values():
        digest.update(piece)
    return FileRead(
        path=path,
        size_bytes=footer.size_bytes,
        row_groups=row_groups,
        bytes_read=sum(map(len, pieces.values())),
        sha256=digest.hexdigest(),
        num_without_time=num_without_time,
    )
