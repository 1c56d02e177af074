"""Keys that occur more than once: the first row of a key, in the order of files and rows, is the one that stays.

A key is hashed to 128 bits where it is read, before it is masked, and rows are compared by these hashes alone: numbers
and times keep all their bits, text is hashed by BLAKE2b. Two different keys among ten million are taken for one with a
probability below 1e-24. A row in which a part of the key is missing has no key, as in SQL.
"""

import hashlib
import tempfile
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.contract import Broken
from raytemplate.data.masking import texts
from raytemplate.data.missing import is_missing, null_where_missing
from raytemplate.data.promises import KeyPromise
from raytemplate.data.reserved import INTERNAL
from raytemplate.data.split import mixed, row_hashes

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

AT = f"{INTERNAL}at"
"""Column with the file and the number of each row; see `position`."""
KEY = f"{INTERNAL}key_"
"""Beginning of the columns with the hashes of keys; the number of the promise follows."""
MOST_IN_MEMORY = 10_000_000
"""Most keys that are compared in memory; more are first divided into files."""
ENTRY = np.dtype([("low", "<u8"), ("high", "<u8"), ("at", "<i8")])
_PARTS_BITS, _ROW_BITS = 6, 40
_SEEDS = (1, 2)

Entries = NDArray[np.void]


def position(file: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """File and row number in one number that sorts by file, then by row.

    Args:
        file: the file's index in the plan.
        rows: numbers of rows in that file.
    """
    return (np.int64(file) << np.int64(_ROW_BITS)) | rows


def file_of(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """The index of the file in the plan, of each position."""
    return at >> np.int64(_ROW_BITS)


def row_of(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the row in its file, of each position."""
    return at & np.int64((1 << _ROW_BITS) - 1)


def key_column(table: pa.Table, columns: Sequence[str], masked: Collection[str] = (), salt: bytes = b"") -> pa.Array:
    """128 bits for the key of each row; null in a row without a key.

    Args:
        masked: columns whose values must not be found out from the bits; they are hashed with the salt.
        salt: the same for all rows that are compared, and different in every run.
    """
    hidden = {name: texts(null_where_missing(table.column(name))) for name in columns if name in masked}
    for name, column in hidden.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    words = np.stack([_words(table, columns, seed, hidden, salt) for seed in _SEEDS], axis=1)
    without: Any = pa.chunked_array([np.zeros(table.num_rows, bool)])
    for name in columns:
        without = pc.or_(without, is_missing(table.column(name)))
    content = pa.py_buffer(np.ascontiguousarray(words, "<u8").tobytes())
    there = pc.invert(without.combine_chunks())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), table.num_rows, [there.buffers()[1], content])


def repeats(promise: KeyPromise, rows: NDArray[np.bool_]) -> Broken:
    """The promise that the rows which repeat a key break."""
    return Broken(
        path=promise.path,
        promise=promise.text,
        on_breach=promise.on_breach,
        rows=pa.chunked_array([pa.array(rows)]),
        columns=promise.columns,
    )


def _words(
    table: pa.Table, columns: Sequence[str], seed: int, hidden: Collection[str], salt: bytes
) -> NDArray[np.uint64]:
    found = np.full(table.num_rows, np.uint64(seed))
    for name in columns:
        column = null_where_missing(table.column(name))
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            here = _texts(column.combine_chunks(), seed, salt if name in hidden else b"")
        else:
            here = row_hashes(pa.table({"": column}), [""], seed)
        found = mixed(mixed(found) ^ here)  # the order of the columns is part of it
    return found


def _texts(column: Any, seed: int, secret: bytes) -> NDArray[np.uint64]:
    coded = pc.utf8_trim_whitespace(column).dictionary_encode()
    rules: Any = {"digest_size": 8, "salt": bytes([seed]), "key": secret}
    words = [hashlib.blake2b(text.encode(), **rules).digest() for text in coded.dictionary.to_pylist()]
    known = np.array([int.from_bytes(word, "little") for word in words] + [0], np.uint64)
    return known[coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)]


def entries(rows: pa.Table, number: int, chosen: NDArray[np.bool_]) -> Entries:
    """The keys of the chosen rows with their positions.

    Args:
        number: the number of the promise.
    """
    keys: Any = rows.column(f"{KEY}{number}").combine_chunks()
    chosen = chosen & pc.is_valid(keys).to_numpy(zero_copy_only=False)
    kept = keys.filter(pa.array(chosen))
    found = np.empty(len(kept), ENTRY)
    words = np.frombuffer(b"".join(kept.to_pylist()), "<u8").reshape(-1, 2)
    found["low"], found["high"] = words[:, 0], words[:, 1]
    found["at"] = rows.column(AT).to_numpy()[chosen]
    return found


class KeyIndex:
    """Collects keys in any order and finds the rows that repeat an earlier one. Beyond `most` keys they are divided by
    their hashes into files, which are compared one after another.

    Args:
        folder: where those files may be; None for the system's folder of temporary files.
    """

    def __init__(self, folder: Path | None = None, most: int = MOST_IN_MEMORY) -> None:
        self._folder, self._most = folder, most
        self._held: list[Entries] = []
        self._num_held = 0
        self._stack = ExitStack()
        self._parts: Path | None = None

    def add(self, found: Entries) -> None:
        """Add keys."""
        self._held.append(found)
        self._num_held += len(found)
        if self._num_held > self._most:
            self._put_down()

    def _put_down(self) -> None:
        if self._parts is None:
            name = tempfile.TemporaryDirectory(prefix=".keys-", dir=self._folder)
            self._parts = Path(self._stack.enter_context(name))
        found = np.concatenate(self._held)
        part = found["low"] >> np.uint64(64 - _PARTS_BITS)
        for number in range(1 << _PARTS_BITS):
            with (self._parts / str(number)).open("ab") as file:
                file.write(found[part == number].tobytes())
        self._held, self._num_held = [], 0

    def repeated(self) -> NDArray[np.int64]:
        """The positions of rows whose key an earlier row has, rising."""
        if self._parts is None:
            return np.sort(_repeated(np.concatenate(self._held))) if self._held else np.empty(0, np.int64)
        self._put_down() if self._held else None
        parts = (np.fromfile(self._parts / str(number), ENTRY) for number in range(1 << _PARTS_BITS))
        return np.sort(np.concatenate([_repeated(part) for part in parts]))

    def __enter__(self) -> "KeyIndex":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


def _repeated(found: Entries) -> NDArray[np.int64]:
    order = np.lexsort((found["at"], found["high"], found["low"]))
    low, high = found["low"][order], found["high"][order]
    again = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    return found["at"][order][1:][again]
