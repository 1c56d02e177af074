"""Feeds batches to a loop, from arrays in memory or from a stream. The loop cannot tell which."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from raytemplate.data.features.gaps import seen
from raytemplate.models.context import Batch, Layout, Split

_BATCHES_GATHERED_AT_ONCE = 64
_PARTS_OF_BUFFER = 4  # a fourth of the shuffle buffer is taken out at once


class Feed(Protocol):
    """The source of one rank's batches."""

    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        """As `LoopContext.batches`."""
        ...

    def arrays(self, split: Split) -> Batch:
        """As `LoopContext.arrays`."""
        ...


class MemoryFeed:
    """Encoded columns in memory: read-only arrays in the object store, shared by all workers of a node.

    The train window is shuffled by a permutation seeded with (seed, epoch), the same on every rank; rank r of n
    takes rows r, r+n, ... of each step, so the ranks' rows are disjoint and together cover all rows.

    Args:
        layout: defines how missing values appear in batches; without it they appear as filled.
    """

    def __init__(
        self,
        arrays: Mapping[str, Mapping[str, NDArray[Any]]],
        *,
        rank: int,
        num_ranks: int,
        seed: int,
        layout: Layout | None = None,
    ) -> None:
        self._arrays, self._layout = arrays, layout
        self._rank, self._num_ranks, self._seed = rank, num_ranks, seed

    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        """Train: this rank's share of every step, shuffled. Validation: all rows in order."""
        if split == "train":
            yield from self._shuffled(epoch, batch_size)
            return
        columns = self._arrays[split]
        for start in range(0, len(columns["target"]), batch_size):
            yield _batch(columns, slice(start, start + batch_size), self._layout)

    def arrays(self, split: Split) -> Batch:
        """Train: every n-th row of this rank. Validation: all rows."""
        step = slice(self._rank, None, self._num_ranks) if split == "train" else slice(None)
        return _batch(self._arrays[split], step, self._layout)

    def _shuffled(self, epoch: int, batch_size: int) -> Iterator[Batch]:
        columns = self._arrays["train"]
        dense, codes, target = columns["dense"], columns["codes"], columns["target"]
        order = np.random.Generator(np.random.PCG64([self._seed, epoch])).permutation(len(target))
        num_rows = batch_size * _BATCHES_GATHERED_AT_ONCE
        for first in range(0, len(order), num_rows):
            # Gathering many steps at once costs a third of gathering each alone; not all at once keeps the copy small.
            chosen = order[first : first + num_rows]
            numbers = _seen(dense.take(chosen, axis=0), columns, chosen, self._layout)
            gathered = (numbers, codes.take(chosen, axis=0), target.take(chosen))
            for start in range(0, len(chosen), batch_size):
                stop = min(start + batch_size, len(chosen))
                mine = slice(start + self._rank, stop, self._num_ranks)
                yield Batch(
                    dense=_contiguous(gathered[0][mine]),
                    codes=_contiguous(gathered[1][mine]),
                    target=_contiguous(gathered[2][mine]),
                    num_rows_all_ranks=stop - start,
                )


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _batch(columns: Mapping[str, NDArray[Any]], rows: slice, layout: Layout | None) -> Batch:
    # Copied because arrays in the object store are read-only and torch wants memory it can write to.
    target = columns["target"][rows].copy()
    dense = _seen(columns["dense"][rows].copy(), columns, rows, layout)
    return Batch(
        dense=dense,
        codes=columns["codes"][rows].copy(),
        target=target,
        num_rows_all_ranks=len(target),
    )


def _seen(dense: NDArray[Any], columns: Mapping[str, NDArray[Any]], rows: Any, layout: Layout | None) -> NDArray[Any]:
    if layout is None or not layout.gaps:
        return dense
    return seen(dense, columns["missing"][rows], layout.gaps, as_nan=layout.missing_as_nan)


def with_validation(arrays: Mapping[str, Mapping[str, NDArray[Any]]]) -> dict[str, Mapping[str, NDArray[Any]]]:
    """The arrays with the rows of validation appended to those of train; validation itself stays as it is."""
    train, more = arrays["train"], arrays["validation"]
    return {**arrays, "train": {name: np.concatenate([train[name], more[name]]) for name in train}}


def _part(batch: Batch, rows: slice) -> Batch:
    target = batch.target[rows]
    return Batch(dense=batch.dense[rows], codes=batch.codes[rows], target=target, num_rows_all_ranks=len(target))


class StreamFeed:
    """Encoded rows from Ray Data's streaming split, in bounded memory.

    Args:
        shards: split -> this rank's iterator over its shard of train, or over all of validation.
        widths: numbers of encoded columns in "dense" and in "codes".
        layout: see `MemoryFeed`.
        total: sums a whole number over all ranks; they step together until none has rows left.
    """

    def __init__(
        self,
        shards: Mapping[str, Any],
        *,
        widths: tuple[int, int],
        num_ranks: int,
        seed: int,
        buffer_rows: int,
        total: Callable[[int], int],
        layout: Layout | None = None,
    ) -> None:
        self._shards, self._widths, self._layout, self._num_ranks = shards, widths, layout, num_ranks
        self._seed, self._buffer_rows, self._total = seed, buffer_rows, total

    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        """Train: shuffled in a buffer seeded with (seed, epoch), all ranks in equal steps. Validation: in order."""
        if split == "validation" or self._num_ranks == 1:
            yield from self._own(split, epoch, batch_size)
            return
        own = self._own(split, epoch, max(1, batch_size // self._num_ranks))
        empty = self._from_columns({})
        while True:
            batch = next(own, empty)
            num_rows = self._total(len(batch))
            if num_rows == 0:
                return
            yield Batch(dense=batch.dense, codes=batch.codes, target=batch.target, num_rows_all_ranks=num_rows)

    def arrays(self, split: Split) -> Batch:
        """All rows of this rank at once; plans give families that need this the memory for it.

        There may be none: with little data a stream has fewer blocks than there are ranks.
        """
        parts = list(self._own(split, 0, 65_536, shuffle=False)) or [self._from_columns({})]
        return Batch(
            dense=np.concatenate([p.dense for p in parts]),
            codes=np.concatenate([p.codes for p in parts]),
            target=np.concatenate([p.target for p in parts]),
            num_rows_all_ranks=sum(len(p) for p in parts),
        )

    def _own(self, split: Split, epoch: int, batch_size: int, *, shuffle: bool = True) -> Iterator[Batch]:
        # Many steps at once: Ray's work for a batch takes as long for 512 rows as for 8,192.
        num_rows = batch_size * max(1, self._buffer_rows // _PARTS_OF_BUFFER // batch_size)
        shuffled = {
            "local_shuffle_buffer_size": max(self._buffer_rows, num_rows),
            "local_shuffle_seed": self._seed * 100_003 + epoch,
        }  # fmt: skip
        batches = self._shards[split].iter_batches(
            batch_size=num_rows,
            batch_format="numpy",
            drop_last=False,
            prefetch_batches=2,
            **(shuffled if split == "train" and shuffle else {}),
        )
        for columns in batches:
            whole = self._from_columns(columns)
            for start in range(0, len(whole), batch_size):
                yield _part(whole, slice(start, start + batch_size))

    def _from_columns(self, columns: Mapping[str, NDArray[Any]]) -> Batch:
        target = np.array(columns.get("target", ()), dtype=np.float32)
        num_rows = len(target)
        dense = np.array(columns.get("dense", np.empty((num_rows, self._widths[0]))), dtype=np.float32)
        codes = np.array(columns.get("codes", np.empty((num_rows, self._widths[1]))), dtype=np.int32)
        if num_rows:  # without rows there may be no "missing" column
            dense = _seen(dense, columns, slice(None), self._layout)
        elif self._layout:
            dense = np.empty((0, len(self._layout.dense)), np.float32)
        return Batch(dense=dense, codes=codes, target=target, num_rows_all_ranks=num_rows)
