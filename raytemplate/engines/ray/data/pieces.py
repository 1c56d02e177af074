"""Pieces of source files as a Ray Data source that reads exactly the planned slices and columns, once."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute
import ray.data
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.listing import SourceTable
from raytemplate.data.sources.locations import joined
from raytemplate.data.sources.reader import read_slices
from raytemplate.data.sources.source import ReadResult, SliceOrder, order_of
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import SIDES, Split, sides
from raytemplate.data.windows import SIDE
from raytemplate.errors import IntegrityError
from raytemplate.planning.stages import FileSlice, IngestStage, Window
from raytemplate.records import codec
from raytemplate.records.ingested import FileRead

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers
_READ = "__raytemplate_read"
_BYTES_A_TASK = 64_000_000
_SMALL_BYTES, _MOST_PIECES = 4_000_000, 250
"""Limits on the bytes and pieces of small files that share a task: a task costs more than reading a small file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """The smallest unit that a read task reads: some slices of one file."""

    order: SliceOrder
    """What to read."""
    num_rows: int
    """Expected rows."""
    num_bytes: int
    """Bytes to read from the file."""
    split: Split | None = None
    """How rows are split into windows; they then get a column with their side. None: the windows are ranges of time."""
    side: str = ""
    """The only side of the split to keep; "" keeps all."""
    sha256: str = ""
    """Digest of the bytes if they were read before, otherwise ""."""
    rules: Rules | None = None
    """How values are interpreted; None leaves them as they are in the file."""


class Pieces(Datasource):
    """A Ray Data source with one read task for each piece; small pieces that follow each other share one.

    In an extra column, the first row of each piece carries its account: which bytes the piece was made from, and their
    digest. The account thus arrives even if Ray Data splits or joins blocks.
    """

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        super().__init__()
        self._pieces = pieces

    def estimate_inmemory_data_size(self) -> int:
        """Estimated bytes in memory, from the footers."""
        return sum(p.num_bytes for p in self._pieces) * 4

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """The same tasks for any parallelism, because results must not depend on the cluster."""
        return [ReadTask(partial(_task, some), _expected(some)) for some in bundled(self._pieces)]


def bundled(pieces: Iterable[Piece]) -> list[tuple[Piece, ...]]:
    """The pieces in their order, with small ones that follow each other grouped together."""
    found: list[list[Piece]] = []
    num_bytes = 0
    for piece in pieces:
        num_bytes += piece.num_bytes
        if not found or num_bytes > _SMALL_BYTES or len(found[-1]) == _MOST_PIECES:
            found.append([])
            num_bytes = piece.num_bytes
        found[-1].append(piece)
    return [tuple(some) for some in found]


def _expected(pieces: tuple[Piece, ...]) -> BlockMetadata:
    return BlockMetadata(
        num_rows=sum(piece.num_rows for piece in pieces),
        size_bytes=sum(piece.num_bytes for piece in pieces) * 4,
        exec_stats=None,
        input_files=tuple(piece.order.path for piece in pieces),
    )


def pieces_of(stage: IngestStage, window: Window | None = None, earlier: Sequence[FileRead] = ()) -> tuple[Piece, ...]:
    """A stage's files as pieces of at most 64 MB each, in the order of the files.

    Args:
        window: read only the rows of this window; default: of all three.
        earlier: accounts of an earlier pass: if a slice's bytes have changed since, they are refused.
    """
    read = {(account.path, account.row_groups): account.sha256 for account in earlier}
    start, end = (window.start, window.end) if window else (stage.windows[0].start, stage.windows[-1].end)
    orders = ((file, chunk, _order(stage, file, chunk, start, end)) for file in stage.files for chunk in _chunks(file))
    return tuple(
        Piece(
            order=order,
            num_rows=_share(file.num_rows, file, chunk),
            num_bytes=_share(file.bytes_to_read, file, chunk),
            split=stage.split,
            side=window.name if window else "",
            sha256=read.get((order.path, order.slices), ""),
            rules=stage.rules,
        )
        for file, chunk, order in orders
    )


def _share(amount: int, file: FileSlice, chunk: slice) -> int:
    return amount * len(file.slices[chunk]) // max(1, len(file.slices))


def pieces_of_listing(source: SourceTable, columns: tuple[str, ...]) -> tuple[Piece, ...]:
    """Some columns of all rows of a source, one piece for each slice, in the order of the files."""
    return tuple(
        Piece(order=order_of(source, file, [one], columns), num_rows=one.num_rows, num_bytes=one.bytes_of(columns))
        for file in source.files
        for one in file.slices
        if one.num_rows
    )


def _order(stage: IngestStage, file: FileSlice, chunk: slice, start: datetime, end: datetime) -> SliceOrder:
    return SliceOrder(
        source=stage.source,
        path=joined(stage.root, file.path),
        sha256=file.sha256,
        slices=file.slices[chunk],
        handles=file.handles[chunk],
        handle=file.handle,
        reading=stage.reading,
        location=stage.location,
        columns=stage.columns,
        time=stage.time,
        start=start,
        end=end,
    )


def _chunks(file: FileSlice) -> Iterable[slice]:
    per_slice = max(1, file.bytes_to_read // max(1, len(file.slices)))
    size = max(1, _BYTES_A_TASK // per_slice)
    return (slice(i, i + size) for i in range(0, len(file.slices), size))


def dataset(pieces: tuple[Piece, ...], *, once: bool = False) -> ray.data.Dataset:
    """A lazy dataset over the pieces, in their order.

    Args:
        once: nothing else will be read. A worker takes longer to start or to import the reader than to read a few
            pieces, so a single worker then reads a small dataset.
    """
    alone = once and sum(piece.num_bytes for piece in pieces) < _BYTES_A_TASK
    return ray.data.read_datasource(
        Pieces(pieces), override_num_blocks=len(bundled(pieces)), concurrency=1 if alone else None
    )


def _task(pieces: tuple[Piece, ...]) -> Iterator[pa.Table]:
    """The rows of the pieces; successive pieces whose columns have the same types share a table."""
    for _, same in groupby(map(read_piece, pieces), key=lambda table: table.schema):
        yield pa.concat_tables(same, promote_options="none").combine_chunks()


def read_piece(piece: Piece) -> pa.Table:
    """Rows of one piece, with the account of what was read in an extra column."""
    result = _with_side(piece)
    if piece.sha256 not in ("", result.file.sha256):
        raise IntegrityError(
            f"{piece.order.path}: changed while this run was reading it",
            next_step="put the file back and resume, or start a new run",
        )
    table = result.table
    account = json.dumps(codec.encode(result.file))
    filler = pa.nulls(max(0, table.num_rows - 1), pa.string())
    column = pa.chunked_array([pa.array([account][: table.num_rows], pa.string()), filler])
    return table.append_column(_READ, column)


def _with_side(piece: Piece) -> ReadResult:
    """The rows of a piece with its rules applied and, if there is a split, with their side."""
    split, wanted = piece.split, piece.order.columns
    columns = tuple(dict.fromkeys((*wanted, *(split.columns if split else ()))))
    result = read_slices(replace(piece.order, columns=columns))
    if split is None:
        return replace(result, table=_taken(result.table, piece))
    table = _taken(result.table, piece) if split.is_as_read else result.table
    found = sides(table, split)
    table = table.select(list(wanted))
    if not split.is_as_read:
        table = _taken(table, piece)
    table = table.append_column(SIDE, pa.array(found))
    if piece.side:
        table = table.filter(pa.array(found == SIDES.index(piece.side)))
    return replace(result, table=table)


def _taken(table: pa.Table, piece: Piece) -> pa.Table:
    return table if piece.rules is None else as_read(table, piece.rules)


def take_accounts(table: pa.Table) -> tuple[pa.Table, tuple[FileRead, ...]]:
    """The rows without the account column, and the accounts it held."""
    accounts = table.column(_READ).drop_null().to_pylist()
    rows = table.drop_columns([_READ])
    return rows, tuple(codec.decode(FileRead, json.loads(text)) for text in accounts)


def by_file(table: pa.Table) -> Iterable[tuple[str, pa.Table]]:
    """(file, its rows) for each file of a block that still has its account column.

    The file is "" for the first rows of a block that begins inside a file.
    """
    starts = pc.indices_nonzero(pc.is_valid(table.column(_READ))).to_pylist()
    rows, accounts = take_accounts(table)
    bounds = list(zip(["", *(a.path for a in accounts)], [0, *starts], [*starts, len(rows)], strict=True))
    return [(path, rows.slice(start, stop - start)) for path, start, stop in bounds if stop > start]


def account_of(stage: IngestStage, accounts: Iterable[FileRead]) -> tuple[FileRead, ...]:
    """One account for each planned file, in order, with paths relative to the stage's root.

    A file read in several pieces has the digest of their digests; a file without rows in the windows has none.
    """
    by_path: dict[str, list[FileRead]] = {}
    for account in accounts:
        by_path.setdefault(str(account.path), []).append(account)
    return tuple(_one_account(file, by_path.get(joined(stage.root, file.path), [])) for file in stage.files)


def _one_account(file: FileSlice, parts: list[FileRead]) -> FileRead:
    parts = sorted(parts, key=lambda part: part.row_groups)
    digests = [part.sha256 for part in parts]
    joined = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return FileRead(
        path=file.path,
        size_bytes=file.size_bytes,
        row_groups=tuple(g for p in parts for g in p.row_groups),
        bytes_read=sum(p.bytes_read for p in parts),
        sha256=joined if parts else "",
        num_without_time=sum(p.num_without_time for p in parts),
    )
