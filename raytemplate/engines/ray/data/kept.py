"""A copy of the rows that a run read, as the reading tasks handed them over: masked, with sides, marks and accounts.

A copy is a folder of Parquet files in the workspace's store of kept rows, under its digest. A run that has one reads
it instead of the source: in further passes, when it is resumed, and when the source is gone.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.data.judged_rows import BROKEN, relative_marks
from raytemplate.data.sources.source import SliceOrder
from raytemplate.engines.ray.data.keys import KeyIndexes, Repeated
from raytemplate.engines.ray.data.pieces import READ, Piece, dataset, pieces_of, relative_account
from raytemplate.errors import IntegrityError
from raytemplate.planning.stages import IngestStage, Window
from raytemplate.records.ingested import Snapshot
from raytemplate.store.atomic import storage_errors
from raytemplate.store.content_store import ContentStore

_GROUP_ROWS = 131_072
_GROUPS_A_PIECE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptRows:
    """A copy, open for reading."""

    digest: str
    """Its digest in the store."""

    folder: Path
    """Its folder."""

    @property
    def repeated(self) -> Repeated:
        """For each key of the contract the positions of rows that an earlier row has the key of."""
        return tuple(np.load(path) for path in sorted(self.folder.glob("repeated-*.npy")))

    def pieces(self, stage: IngestStage, window: Window | None = None) -> tuple[Piece, ...]:
        """Everything, or the rows of a window, as pieces of some row groups, in the order in which they were read."""
        return tuple(
            piece for path in sorted(self.folder.glob("*.parquet")) for piece in _pieces_of_file(path, stage, window)
        )


def _pieces_of_file(path: Path, stage: IngestStage, window: Window | None) -> Iterator[Piece]:
    metadata = pq.read_metadata(path)
    columns = tuple(pq.read_schema(path).names)
    for first in range(0, metadata.num_row_groups, _GROUPS_A_PIECE):
        groups = range(first, min(first + _GROUPS_A_PIECE, metadata.num_row_groups))
        order = SliceOrder(source="parquet", path=str(path), slices=tuple(groups), columns=columns)
        if window is not None and stage.split is None:
            order = replace(order, time=stage.time, start=window.start, end=window.end)
        yield Piece(
            order=order,
            num_rows=sum(metadata.row_group(group).num_rows for group in groups),
            num_bytes=sum(metadata.row_group(group).total_byte_size for group in groups),
            side=window.name if window is not None and stage.split is not None else "",
            kept=True,
        )


def kept_rows(stage: IngestStage, expected: Snapshot | None, store: ContentStore | None) -> KeptRows | None:
    """The copy of a stage's rows: the one that an earlier part of the run kept, or one that is made now.

    Args:
        store: the store of kept rows; None if nothing is to be kept.

    Returns:
        None if the stage keeps none.

    Raises:
        IntegrityError: the copy was changed.
    """
    if store is None or stage.keep != "copy":
        return None
    if expected is not None and expected.kept and store.path(expected.kept).exists():
        return KeptRows(digest=expected.kept, folder=_opened(store, expected.kept))
    with storage_errors(store.root):
        store.root.mkdir(parents=True, exist_ok=True)
        beside = tempfile.TemporaryDirectory(prefix=".reading-", dir=store.root)
    with beside as folder:
        _write(stage, Path(folder))
        digest = store.put(Path(folder)).digest
    return KeptRows(digest=digest, folder=store.path(digest))


def _opened(store: ContentStore, digest: str) -> Path:
    try:
        return store.open(digest)
    except IntegrityError as error:
        raise IntegrityError(
            f"{error.what}: the copy of the rows was changed", next_step="restore it from a backup, or start a new run"
        ) from error


def _write(stage: IngestStage, folder: Path) -> None:
    """The rows, block by block, a file for each stretch of blocks whose columns have the same types; and which of them
    repeat a key. Their keys are not kept: they differ in every reading."""
    blocks: Any = dataset(pieces_of(stage)).iter_batches(batch_format="pyarrow", batch_size=None)
    with KeyIndexes(stage, folder.parent) as keys:
        _write_rows((keys.taken_from(block) for block in cast("Iterable[pa.Table]", blocks)), stage, folder)
        for number, positions in enumerate(keys.repeated()):
            with storage_errors(folder):
                np.save(folder / f"repeated-{number:03}.npy", positions)


def _write_rows(blocks: Iterable[pa.Table], stage: IngestStage, folder: Path) -> None:
    writer: pq.ParquetWriter | None = None
    number = 0
    try:
        for block in blocks:
            table = _relative(block, stage)
            with storage_errors(folder):  # and not around the reading, whose errors are about the source
                if writer is not None and writer.schema != table.schema:
                    writer.close()
                    writer = None
                if writer is None:
                    path, number = folder / f"rows-{number:05}.parquet", number + 1
                    writer = pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True)
                writer.write_table(table, row_group_size=_GROUP_ROWS)
    finally:
        if writer is not None:
            with storage_errors(folder):
                writer.close()


def _relative(block: pa.Table, stage: IngestStage) -> pa.Table:
    """A block that names files relative to the stage's root, so that a copy can move with its workspace."""
    root = Path(stage.root)
    index = block.schema.get_field_index(READ)
    texts = [text and relative_account(text, root) for text in block.column(index).to_pylist()]
    block = block.set_column(index, READ, pa.array(texts, pa.string()))
    if BROKEN not in block.column_names:
        return block
    marks = relative_marks(block.column(BROKEN), root)
    return block.set_column(block.schema.get_field_index(BROKEN), BROKEN, marks)


def with_copy(snapshot: Snapshot, copy: KeptRows | None) -> Snapshot:
    """The snapshot of rows that were kept, or of those that were not."""
    return replace(snapshot, kept=copy.digest) if copy else snapshot
