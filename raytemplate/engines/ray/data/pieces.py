"""Pieces of source files as a Ray Data source that reads exactly the planned slices and columns, once."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from secrets import token_bytes
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import ray.data
from numpy.typing import NDArray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from raytemplate.data.contract import Breach
from raytemplate.data.masking import KEY_FIELD, Mask, masker_of
from raytemplate.data.promises import OUT, on_breach_of
from raytemplate.data.raw_rows import RowRules, judge_rows, quoting_nothing
from raytemplate.data.repeated_keys import file_of, row_of
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.listing import SourceTable
from raytemplate.data.sources.locations import joined, named
from raytemplate.data.sources.naming import SQL
from raytemplate.data.sources.reader import comes_in_parts, read_parts, read_slices
from raytemplate.data.sources.source import ReadResult, SliceOrder, order_of
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import SIDES, Split, sides
from raytemplate.data.times import between
from raytemplate.data.windows import SIDE
from raytemplate.errors import DataError, IntegrityError
from raytemplate.planning.stages import FileSlice, IngestStage, Window
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.ingested import FileRead

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers
READ = "__raytemplate_read"
"""Column with the accounts of what was read."""
QUERY_AGAIN = "start a new run: a query gives what its tables hold now"
"""What to do about rows of a query that differ."""
_SALT_BYTES = 16
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
    mask: Mask | None = None
    """How values are masked; None leaves them as they are."""
    for_model: Callable[[pa.Table], pa.Table] | None = None
    """Masks rows as a model needs them; None if there is no model, or if it needs no masking."""
    judges: RowRules | None = None
    """What decides about rows while they are read, before they are masked; None if there is no contract and no mask, or
    if an earlier pass has decided."""
    slices: tuple[tuple[int, int], ...] = ()
    """(rows before it in the file, rows in it) of each slice, if there is a contract; else empty."""
    mask_key: str = ""
    """Id of the key with which the bytes were hashed when they were read before, otherwise ""."""
    kept: bool = False
    """Whether the file is a copy of rows that were read before, which are returned as they were."""


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


def pieces_of(
    stage: IngestStage,
    window: Window | None = None,
    earlier: Sequence[FileRead] = (),
    repeated: Sequence[NDArray[np.int64]] = (),
) -> tuple[Piece, ...]:
    """A stage's files as pieces of at most 64 MB each, in the order of the files.

    Args:
        window: read only the rows of this window; default: of all three.
        earlier: accounts of an earlier pass: if a slice's bytes have changed since, they are refused.
        repeated: for each key of the contract the positions of rows that repeat it; empty until they are known.
    """
    read = {(account.path, account.row_groups): account for account in earlier}
    judges, salt = _judges(stage, again=window is not None), token_bytes(_SALT_BYTES)
    start, end = (window.start, window.end) if window else (stage.windows[0].start, stage.windows[-1].end)
    orders = (
        (index, file, chunk, _order(stage, file, chunk, start, end))
        for index, file in enumerate(stage.files)
        for chunk in _chunks(file)
    )
    return tuple(
        Piece(
            order=order,
            num_rows=_share(file.num_rows, file, chunk),
            num_bytes=_share(file.bytes_to_read, file, chunk),
            split=stage.split,
            side=window.name if window else "",
            sha256=before.sha256 if before else "",
            rules=stage.rules,
            mask=stage.mask,
            judges=None if judges is None else _here(judges, index, chunk, repeated, salt),
            slices=_rows_of_slices(stage, file, chunk),
            mask_key=before.mask_key if before else "",
        )
        for index, file, chunk, order in orders
        for before in [read.get((order.path, order.slices))]
    )


def _judges(stage: IngestStage, *, again: bool) -> RowRules | None:
    """What decides about rows while they are read; a pass after the first only takes out the same rows again."""
    promises = stage.promises
    if stage.mask is None and promises is None and (again or not stage.contract):
        return None
    if not again:
        return RowRules(drop=stage.drop, contract=stage.contract, promises=promises)
    if promises is None:
        return RowRules(drop=stage.drop, reports=False)
    columns = Settings({name: each for name, each in stage.contract.items() if on_breach_of(each) in OUT})
    rows = tuple(one for one in promises.rows if one.on_breach in OUT)
    fewer = replace(promises, rows=rows)
    return RowRules(drop=stage.drop, contract=columns, promises=fewer, reports=False)


def _here(rules: RowRules, index: int, chunk: slice, repeated: Sequence[NDArray[np.int64]], salt: bytes) -> RowRules:
    """The rules for some slices of one file."""
    if rules.promises is None or not rules.promises.unique:
        return rules
    mine = tuple(row_of(one[file_of(one) == index]) for one in repeated)
    return replace(rules, file=index, start=chunk.start, repeated=mine, salt=salt)


def _rows_of_slices(stage: IngestStage, file: FileSlice, chunk: slice) -> tuple[tuple[int, int], ...]:
    found = stage.row_numbers.get(file.path, ())[chunk]
    return tuple((before, count) for before, count in found)


def _share(amount: int, file: FileSlice, chunk: slice) -> int:
    return amount * len(file.slices[chunk]) // max(1, len(file.slices))


def pieces_of_listing(
    source: SourceTable,
    columns: tuple[str, ...],
    masked: tuple[str, ...] = (),
    masks: Callable[[pa.Table], pa.Table] | None = None,
) -> tuple[Piece, ...]:
    """Some columns of all rows of a source, one piece for each slice, in the order of the files.

    Args:
        masked: columns whose values no error may quote.
        masks: masks the rows as a model needs them.
    """
    return tuple(
        Piece(
            order=order_of(source, file, [one], columns, masked),
            num_rows=one.num_rows,
            num_bytes=one.bytes_of(columns),
            for_model=masks,
        )
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
        masked=stage.mask.columns if stage.mask else (),
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


def is_read_alone(stage: IngestStage) -> bool:
    """Whether a single worker reads the rows of a stage in memory mode; see `dataset`."""
    return stage.mode == "memory" and sum(file.bytes_to_read for file in stage.files) < _BYTES_A_TASK


def _task(pieces: tuple[Piece, ...]) -> Iterator[pa.Table]:
    """The rows of the pieces; successive pieces whose columns have the same types share a table."""
    if len(pieces) == 1:
        yield from map(pa.Table.combine_chunks, read_in_parts(pieces[0]))
        return
    for _, same in groupby(map(read_piece, pieces), key=lambda table: table.schema):
        yield pa.concat_tables(same, promote_options="none").combine_chunks()


def read_piece(piece: Piece) -> pa.Table:
    """Rows of one piece, with the account of what was read in an extra column."""
    return pa.concat_tables(read_in_parts(piece))


def read_in_parts(piece: Piece) -> Iterator[pa.Table]:
    """Rows of one piece in the parts that its source reads them in, with the account in the first row of the last part
    that has rows."""
    if piece.kept:
        yield _of_copy(piece)
        return
    breaches: tuple[Breach, ...] = ()
    last: pa.Table | None = None
    file: FileRead | None = None
    num_before = 0
    with quoting_nothing(piece.order.path) if piece.mask or piece.for_model else nullcontext():
        for result, side, num_read in _parts(piece):
            if piece.judges:
                result, found = _judged(result, piece.judges, piece, side, num_before)
                breaches += found
                num_before += num_read
            if piece.mask:
                result = _masked(result, piece.mask)
            elif piece.for_model:
                result = replace(result, table=_masked_for_model(result.table, piece.for_model, piece.order.path))
            file = result.file
            if last is not None and last.num_rows and result.table.num_rows:
                yield _with_account(last, "")
            if last is None or result.table.num_rows:
                last = result.table
    assert last is not None and file is not None  # a source gives at least one part
    _check_unchanged(piece, file)
    yield _with_account(last, json.dumps(codec.encode(_Account(file=file, breaches=breaches))))


def _of_copy(piece: Piece) -> pa.Table:
    """Rows that were read before, with their accounts."""
    table: Any = read_slices(piece.order).table
    return table.filter(pc.equal(table.column(SIDE), SIDES.index(piece.side))) if piece.side else table


def _with_account(table: pa.Table, account: str) -> pa.Table:
    filler = pa.nulls(max(0, table.num_rows - 1), pa.string())
    column = pa.chunked_array([pa.array([account or None][: table.num_rows], pa.string()), filler])
    return table.append_column(READ, column)


def _check_unchanged(piece: Piece, file: FileRead) -> None:
    """Refuses bytes, or a key, other than those that an earlier pass had."""
    if piece.mask_key not in ("", file.mask_key):
        raise IntegrityError(
            f"{KEY_FIELD}: changed while this run was reading", next_step="set the key it began with and resume"
        )
    if piece.sha256 not in ("", file.sha256):
        raise IntegrityError(
            f"{piece.order.path}: changed while this run was reading it",
            next_step=QUERY_AGAIN if piece.order.source == SQL else "put the file back and resume, or start a new run",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Account:
    """What the first row of a piece carries."""

    file: FileRead
    """What was read."""
    breaches: tuple[Breach, ...] = ()
    """Breaches of the contract, if it was checked while reading."""


def relative_account(text: str, root: Path) -> str:
    """An account that names its file relative to a folder."""
    told = codec.decode(_Account, json.loads(text))
    file = replace(told.file, path=named(told.file.path, root))
    breaches = tuple(replace(one, location=named(one.location, root)) for one in told.breaches)
    return json.dumps(codec.encode(_Account(file=file, breaches=breaches)))


def _masked_for_model(rows: pa.Table, masks: Callable[[pa.Table], pa.Table], path: str) -> pa.Table:
    try:
        return masks(rows)
    except DataError as error:
        raise DataError(f"{path}: {error.what}", next_step=error.next_step) from None


def _masked(result: ReadResult, mask: Mask) -> ReadResult:
    """The rows as all others may see them. Rows have been judged, and their sides are known by now."""
    masker = masker_of(mask)
    return replace(result, table=masker.masked(result.table), file=replace(result.file, mask_key=masker.key_id))


def _judged(
    result: ReadResult, rules: RowRules, piece: Piece, side: Any, num_before: int
) -> tuple[ReadResult, tuple[Breach, ...]]:
    """The rows with marks, and breaches of the contract.

    Args:
        side: see `_numbers`.
        num_before: rows of the piece in the parts before this one.
    """
    masked = piece.mask.columns if piece.mask else ()
    numbers = cache(partial(_numbers, piece, result.table, side, num_before))
    table, breaches = judge_rows(result.table, rules, masked, piece.order.path, numbers)
    return replace(result, table=table), breaches


def _numbers(piece: Piece, rows: pa.Table, side: Any, num_before: int) -> NDArray[np.int64]:
    """The number of each row in its file, from 1; 0 if the source cannot tell. Rows were selected by their times, so
    these are read once more. Rows that come in parts are numbered in the order in which they come.

    Args:
        side: booleans that are true for the rows of the piece's side; None if all rows were kept.
        num_before: rows of the piece in the parts before this one.
    """
    order, unknown = piece.order, np.zeros(rows.num_rows, np.int64)
    if comes_in_parts(order.source):
        numbers = num_before + 1 + np.arange(rows.num_rows if side is None else len(side))
        return numbers if side is None else numbers[side]
    found = [np.arange(before + 1, before + 1 + count) for before, count in piece.slices]
    numbers = np.concatenate(found) if found else unknown
    if order.time and piece.slices:
        times = read_slices(replace(order, columns=(order.time,), time="")).table.column(order.time)
        chosen: Any = pc.fill_null(between(times, order.start, order.end), False)
        numbers = numbers[chosen.to_numpy()] if len(numbers) == len(chosen) else unknown
    if side is not None:
        numbers = numbers[side] if len(numbers) == len(side) else unknown
    return numbers if len(numbers) == rows.num_rows else unknown


def _parts(piece: Piece) -> Iterator[tuple[ReadResult, Any, int]]:
    """The rows of a piece in parts, with its rules applied and, if there is a split, with their side; which of the rows
    that were read these are, None if all of them; and how many were read."""
    split, wanted = piece.split, piece.order.columns
    columns = tuple(dict.fromkeys((*wanted, *(split.columns if split else ()))))
    for result in read_parts(replace(piece.order, columns=columns)):
        table, side = _with_side(result.table, piece, split) if split else (_with_rules(result.table, piece), None)
        yield replace(result, table=table), side, result.table.num_rows


def _with_side(rows: pa.Table, piece: Piece, split: Split) -> tuple[pa.Table, Any]:
    table = _with_rules(rows, piece) if split.is_as_read else rows
    found = sides(table, split)
    table = table.select(list(piece.order.columns))
    if not split.is_as_read:
        table = _with_rules(table, piece)
    table = table.append_column(SIDE, pa.array(found))
    if not piece.side:
        return table, None
    chosen = found == SIDES.index(piece.side)
    return table.filter(pa.array(chosen)), chosen


def _with_rules(table: pa.Table, piece: Piece) -> pa.Table:
    return table if piece.rules is None else as_read(table, piece.rules)


def take_accounts(table: pa.Table) -> tuple[pa.Table, tuple[FileRead, ...]]:
    """The rows without the account column, and the accounts it held."""
    return table.drop_columns([READ]), tuple(account.file for account in _accounts(table))


def breaches_in(table: pa.Table) -> tuple[Breach, ...]:
    """Breaches of the contract that reading has found. Needs the account column."""
    return tuple(breach for account in _accounts(table) for breach in account.breaches)


def _accounts(table: pa.Table) -> tuple[_Account, ...]:
    texts = table.column(READ).drop_null().to_pylist()
    return tuple(codec.decode(_Account, json.loads(text)) for text in texts)


def by_file(table: pa.Table) -> Iterable[tuple[str, pa.Table]]:
    """(file, its rows) for each file of a block that still has its account column.

    The file is "" for the first rows of a block that begins inside a file.
    """
    starts = pc.indices_nonzero(pc.is_valid(table.column(READ))).to_pylist()
    rows, accounts = take_accounts(table)
    bounds = list(zip(["", *(a.path for a in accounts)], [0, *starts], [*starts, len(rows)], strict=True))
    return [(path, rows.slice(start, stop - start)) for path, start, stop in bounds if stop > start]


def account_of(stage: IngestStage, accounts: Iterable[FileRead]) -> tuple[FileRead, ...]:
    """One account for each planned file, in order, with paths relative to the stage's root.

    A file read in several pieces has the digest of their digests; a file without rows in the windows has none.
    """
    by_path: dict[str, list[FileRead]] = {}
    for account in accounts:
        by_path.setdefault(joined(stage.root, account.path), []).append(account)
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
        mask_key="/".join(dict.fromkeys(p.mask_key for p in parts if p.mask_key)),
    )
