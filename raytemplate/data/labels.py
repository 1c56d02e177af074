"""Which target each row had, in hashes, so that a later run can tell whose target is another by then.

A row is known by its keys. Kept are 64 bits of a hash of the keys and 32 bits of one of the target, for the keys with
the smallest hashes: two runs choose the same keys wherever both have them, in whatever order and parts they read. Keys
and target are hashed as they are after masking, so that nothing tells more about a masked value than its mask does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray

from raytemplate.data.features.kind import is_text
from raytemplate.data.missing import null_where_missing
from raytemplate.data.options import Task
from raytemplate.data.split import EXACT_BELOW, Hashes, column_bits, mixed
from raytemplate.data.statistics import plain
from raytemplate.data.target import class_texts
from raytemplate.errors import DataError, IntegrityError

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

LABELS = "labels.parquet"
MOST = 65_536
"""Most keys that are kept of a run."""
_SEVERAL = np.uint32(0)
"""In place of a target's hash: rows with this key have different targets, so the key is never compared."""
_PARTS_AT_ONCE = 8
_ROWS_AT_ONCE = 16_384
_METADATA = b"raytemplate"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Labels:
    """A sample of the keys of a run's rows, with what their targets were."""

    keys: tuple[str, ...]
    """Columns that identify a row."""

    target: str
    """The target, a column or a condition."""

    is_complete: bool
    """Whether these are all keys rather than a sample of them."""

    hashes: Hashes
    """The hashes of the keys: uint64 [keys], rising."""

    targets: NDArray[np.uint32]
    """The hash of each key's target, uint32 [keys]; 0 if its rows differ."""

    kind: str = ""
    """Task and type of the target, such as "regression number": only hashes of one kind tell whether values are equal.
    "" if it is not known, or if parts have different ones."""


def labels_of(
    rows: pa.Table, keys: Sequence[str], target: str, task: Task = "regression", *, most: int = MOST
) -> Labels | None:
    """The labels of rows, without those that lack a part of their key or the target; None if there are no keys, or
    values that are not hashed.

    Args:
        rows: masked rows with the target as a column.
        most: most keys to keep.
    """
    if not keys or not {*keys, target} <= {*rows.column_names}:
        return None
    try:
        columns = [_coded(rows.column(name)) for name in sorted(keys)]
        kind = f"{task} {_kind(plain(rows.column(target)).type, task)}"
        answer: Any = _coded(rows.column(target) if task == "regression" else class_texts(rows.column(target)))
        known = _with_all([*columns, answer])
        if known is not None:
            columns, answer = [column.filter(known) for column in columns], answer.filter(known)
        hashes = _together([_bits(column) for column in columns], len(answer))
        found, targets, is_complete = _smallest(hashes, partial(_targets, answer), most)
    except (DataError, pa.ArrowException):
        return None
    return Labels(keys=tuple(keys), target=target, is_complete=is_complete, hashes=found, targets=targets, kind=kind)


def _kind(type_: Any, task: Task) -> str:
    """Types whose equal values have equal hashes have one name; a float32 differs from the float64 that is written like
    it, and true from 1."""
    if task != "regression" and not pa.types.is_boolean(type_):
        return "class"
    return "number" if pa.types.is_integer(type_) or pa.types.is_float64(type_) else str(type_)


def _targets(answer: Any, chosen: NDArray[np.bool_] | None) -> NDArray[np.uint32]:
    """The hashes of the targets of the chosen rows; None chooses all."""
    bits = _bits(answer if chosen is None else answer.filter(pa.array(chosen)))
    return np.maximum((mixed(bits) >> np.uint64(32)).astype(np.uint32), _SEVERAL + np.uint32(1))


def _coded(column: Any) -> Any:
    """A column without chunks; text as a dictionary and codes."""
    column = plain(column)
    return (column.dictionary_encode() if is_text(column.type) else column).combine_chunks()


def _with_all(columns: Sequence[Any]) -> Any:
    """Booleans that are true for rows with a value in each column; None if all rows have them."""
    found: Any = None
    for column in columns:
        is_there = _is_there(column)
        if is_there is not None:
            found = is_there if found is None else pc.and_(found, is_there)
    return found


def _is_there(column: Any) -> Any:
    """Booleans that are true where there is a value; None if there is one everywhere."""
    if not pa.types.is_dictionary(column.type):
        values = null_where_missing(pa.chunked_array([column]))
        return pc.is_valid(values).combine_chunks() if values.null_count else None
    texts = null_where_missing(pa.chunked_array([column.dictionary]))
    if not texts.null_count and not column.null_count:
        return None
    return pc.fill_null(pc.is_valid(texts).combine_chunks().take(column.indices), False)


def _bits(column: Any) -> Hashes:
    """64 bits for each value, none of which is missing; equal whole numbers and float64 have equal bits."""
    if pa.types.is_dictionary(column.type):
        return column_bits(column.dictionary)[column.indices.to_numpy()]
    if pa.types.is_integer(column.type):
        values = column.to_numpy().astype(np.float64)
        if not len(values) or np.max(np.abs(values)) < EXACT_BELOW:
            return values.view(np.uint64)
    return column_bits(column)


def _together(columns: Sequence[Hashes], num_rows: int) -> Hashes:
    """One hash for the bits of all columns of a row: multilinear, then mixed, which costs less than mixing each column;
    for a few rows at a time, whose numbers stay in the processor's cache.
    """
    factors = mixed(np.arange(1, len(columns) + 1).astype(np.uint64)) | np.uint64(1)
    found = np.empty(num_rows, np.uint64)
    for start in range(0, num_rows, _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        total = np.zeros(len(found[some]), np.uint64)
        for bits, factor in zip(columns, factors, strict=True):
            # Floats of small whole numbers end in zeros, which a product would keep: the upper half joins the lower.
            total += (bits[some] ^ (bits[some] >> np.uint64(32))) * factor
        found[some] = mixed(total)
    return found


def _smallest(
    hashes: Hashes, targets: Callable[[Any], NDArray[np.uint32]], most: int
) -> tuple[Hashes, NDArray[np.uint32], bool]:
    """The keys with the smallest hashes, each once, with their targets, and whether these are all keys.

    Args:
        targets: the targets of chosen rows, given booleans [rows], or of all, given None.
    """
    num_taken = most
    while True:
        chosen = hashes <= np.partition(hashes, num_taken)[num_taken] if num_taken < len(hashes) else None
        found, answers = _once(hashes if chosen is None else hashes[chosen], targets(chosen))
        if chosen is None or len(found) > most:
            return found[:most], answers[:most], chosen is None and len(found) <= most
        num_taken *= 4  # keys have many rows


def _once(hashes: Hashes, targets: NDArray[np.uint32]) -> tuple[Hashes, NDArray[np.uint32]]:
    """The distinct keys, rising, each with its target, or with 0 if its rows have different ones."""
    order = np.argsort(hashes)
    hashes, targets = hashes[order], targets[order]
    if not len(hashes):
        return hashes, targets
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
    if len(starts) == len(hashes):
        return hashes, targets
    least, greatest = np.minimum.reduceat(targets, starts), np.maximum.reduceat(targets, starts)
    return hashes[starts], np.where(least == greatest, least, _SEVERAL)


def merged(parts: Sequence[Labels], *, most: int = MOST) -> Labels:
    """The labels of the rows of all parts, in whatever order they come and however rows are divided among them."""
    hashes, targets = (np.concatenate(found) for found in zip(*((p.hashes, p.targets) for p in parts), strict=True))
    found, answers, is_whole = _smallest(hashes, lambda chosen: targets if chosen is None else targets[chosen], most)
    return replace(
        parts[0],
        hashes=found,
        targets=answers,
        is_complete=is_whole and all(part.is_complete for part in parts),
        kind=parts[0].kind if len({part.kind for part in parts}) == 1 else "",
    )


class LabelsOfParts:
    """Collects the labels of parts, in any order, in bounded memory."""

    def __init__(self) -> None:
        self._parts: list[Labels] = []
        self._is_known = True

    def add(self, content: bytes) -> None:
        """Add the labels of a part, as bytes; b"" if it has none."""
        if not content:
            self._is_known = False
            return
        self._parts.append(from_bytes(content))
        if len(self._parts) == _PARTS_AT_ONCE:
            self._parts = [merged(self._parts)]

    def all(self) -> Labels | None:
        """The labels of all parts; None if a part has none."""
        return merged(self._parts) if self._parts and self._is_known else None


def compared(before: Labels, now: Labels) -> tuple[int, int] | None:
    """Keys that both have, and how many of them have another target now; None if both do not have the same target, of
    the same kind, and key columns. Keys whose rows differ in their targets are left out."""
    if {*before.keys} != {*now.keys} or before.target != now.target or not before.kind or before.kind != now.kind:
        return None
    if not len(before.hashes) or not len(now.hashes):
        return 0, 0
    at = np.searchsorted(before.hashes, now.hashes).clip(max=len(before.hashes) - 1)
    then = before.targets[at]
    is_seen = (before.hashes[at] == now.hashes) & (then != _SEVERAL) & (now.targets != _SEVERAL)
    return int(np.sum(is_seen)), int(np.sum(is_seen & (then != now.targets)))


def to_bytes(labels: Labels) -> bytes:
    """The labels as a Parquet file."""
    about = {"keys": list(labels.keys), "target": labels.target, "is_complete": labels.is_complete, "kind": labels.kind}
    columns: dict[str, Any] = {"key": labels.hashes, "target": labels.targets}
    table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(about).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    return sink.getvalue().to_pybytes()


def from_bytes(content: bytes) -> Labels:
    """The labels in a file that `to_bytes` made.

    Raises:
        IntegrityError: it is another file.
    """
    try:
        table = pq.read_table(pa.BufferReader(content))
        about = json.loads((table.schema.metadata or {})[_METADATA])
        return Labels(
            keys=tuple(about["keys"]),
            target=about["target"],
            is_complete=about["is_complete"],
            hashes=table.column("key").to_numpy(),
            targets=table.column("target").to_numpy(),
            kind=about.get("kind", ""),
        )
    except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise IntegrityError(f"{LABELS} holds no labels: {error}") from None
