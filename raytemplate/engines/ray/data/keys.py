"""The keys of a stage's contract: collected from blocks, compared, and the rows that repeat one marked."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.data.contract import Breach
from raytemplate.data.judged_rows import REPEATED, mark, stays
from raytemplate.data.repeated_keys import AT, ENTRY, KEY, Entries, KeyIndex, entries, file_of, repeats, row_of
from raytemplate.data.sources.locations import joined
from raytemplate.data.windows import DROPPED
from raytemplate.planning.stages import IngestStage

Repeated = Sequence[NDArray[np.int64]]
"""For each key of the contract the positions of rows that an earlier row has the key of, rising; empty until they are
known."""


def keys_of(rows: pa.Table, stage: IngestStage) -> tuple[pa.Table, tuple[Entries, ...]]:
    """The rows without their positions and keys, and the keys of those that all other promises leave; () if there are
    no such columns, or no longer."""
    if stage.promises is None or not stage.promises.unique or AT not in rows.column_names:
        return rows, ()
    if f"{KEY}0" not in rows.column_names:
        return rows.drop_columns([AT]), ()
    chosen = stays(rows)
    if DROPPED in rows.column_names:
        chosen = chosen & ~rows.column(DROPPED).to_numpy()
    numbers = range(len(stage.promises.unique))
    found = tuple(entries(rows, number, chosen) for number in numbers)
    return rows.drop_columns([AT, *(f"{KEY}{number}" for number in numbers)]), found


def with_repeats(rows: pa.Table, stage: IngestStage, repeated: Repeated) -> pa.Table:
    """The rows with marks on those that repeat a key without ending the run, if they have positions and it is known
    which rows do."""
    if stage.promises is None or AT not in rows.column_names:
        return rows
    return _marked(rows, rows.column(AT).to_numpy(), stage, repeated)


def _marked(rows: pa.Table, at: NDArray[np.int64], stage: IngestStage, repeated: Repeated) -> pa.Table:
    promises = stage.promises.unique if stage.promises else ()
    pairs = [(one, again) for one, again in zip(promises, repeated, strict=False) if one.on_breach != "fail"]
    if not any(len(again) for _, again in pairs):
        return rows

    def files() -> pa.Array:
        paths = pa.array([joined(stage.root, file.path) for file in stage.files], pa.string())
        return paths.take(pa.array(file_of(at)))

    broken = (repeats(one, np.isin(at, again)) for one, again in pairs)
    return mark(rows, broken, files, lambda: row_of(at), REPEATED)


class KeyIndexes:
    """One index for each key of the contract; none if it has no keys.

    Args:
        folder: where keys beyond what memory holds may be put.
        repeated: what `repeated` gives, if it is known already.
    """

    def __init__(self, stage: IngestStage, folder: Path | None, repeated: Repeated | None = None) -> None:
        self._stage, self._stack = stage, ExitStack()
        self._promises = stage.promises.unique if stage.promises else ()
        self._indexes = [self._stack.enter_context(KeyIndex(folder)) for _ in self._promises]
        self._repeated: tuple[NDArray[np.int64], ...] | None = None if repeated is None else tuple(repeated)
        self._at: NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, keys: Sequence[bytes]) -> None:
        """Add the keys of a block, as bytes."""
        for index, content in zip(self._indexes, keys, strict=False):
            index.add(np.frombuffer(content, ENTRY))

    def take_from(self, rows: pa.Table) -> pa.Table:
        """Add the keys of all rows; the rows without the columns of their keys."""
        if self._promises:
            self._at = rows.column(AT).to_numpy()
        rows, found = keys_of(rows, self._stage)
        for index, one in zip(self._indexes, found, strict=False):
            index.add(one)
        return rows

    def taken_from(self, rows: pa.Table) -> pa.Table:
        """Add the keys of a block; the rows without their keys, but with their positions."""
        _, found = keys_of(rows, self._stage)
        self.add([one.tobytes() for one in found])
        return rows.drop_columns([name for name in rows.column_names if name.startswith(KEY)])

    def repeated(self) -> tuple[NDArray[np.int64], ...]:
        """For each key, the positions of rows that an earlier row has the key of, rising."""
        if self._repeated is None:
            self._repeated = tuple(index.repeated() for index in self._indexes)
        return self._repeated

    def told(self) -> list[NDArray[np.int64]]:
        """The positions for those keys that do not end the run."""
        pairs = zip(self._promises, self.repeated(), strict=True)
        return [again for promise, again in pairs if promise.on_breach != "fail"]

    def breaches(self) -> tuple[Breach, ...]:
        """Keys that occur twice although that ends the run."""
        pairs = zip(self._promises, self.repeated(), strict=True)
        return tuple(
            Breach(
                path=promise.path,
                promise=promise.text,
                num_rows=len(again),
                location=self._stage.files[int(file_of(again[:1])[0])].path,
                value=f"row {int(row_of(again[:1])[0]):,} has the key of an earlier row",
            )
            for promise, again in pairs
            if promise.on_breach == "fail" and len(again)
        )

    def mark(self, rows: pa.Table) -> pa.Table:
        """The rows that were added, with marks on those that repeat a key without ending the run."""
        return _marked(rows, self._at, self._stage, self.repeated())

    def __enter__(self) -> "KeyIndexes":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
