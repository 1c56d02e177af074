"""The batches of a context in the form that Lightning's Trainer needs: one iterable, restarted for every epoch."""

from collections.abc import Callable, Iterator
from itertools import chain

import torch

from raytemplate.models.context import Batch, LoopContext

Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class EpochBatches:
    """(dense, codes, target) of each step of the epoch that `epoch()` returns when iteration starts.

    A numeric target has its mean subtracted and is divided by its standard deviation. No rank ever gets an empty batch,
    because the mean over no rows is NaN: a step with fewer rows than ranks is skipped on all of them, and a rank that
    has run out of rows repeats its last batch until the others have, too.
    """

    def __init__(self, context: LoopContext, batch_size: int, epoch: Callable[[], int]) -> None:
        self._context, self._batch_size, self._epoch = context, batch_size, epoch
        self._at, self._rest = 0, iter(tuple[Tensors, ...]())
        self._first: Tensors | None = None

    def __iter__(self) -> Iterator[Tensors]:
        """The steps of this epoch. Lightning may start iterating twice, to peek at the first step; the stream is
        started only once."""
        epoch = self._epoch()
        if epoch != self._at:
            self._at, self._rest, self._first = epoch, self._remembered(epoch), None
        return self._rest if self._first is None else chain([self._first], self._rest)

    def _remembered(self, epoch: int) -> Iterator[Tensors]:
        for number, step in enumerate(self._steps(epoch)):
            self._first = None if number else step
            yield step

    def _steps(self, epoch: int) -> Iterator[Tensors]:
        last: Batch | None = None
        for batch in self._context.batches("train", epoch=epoch, batch_size=self._batch_size):
            if batch.num_rows_all_ranks < self._context.num_ranks:
                continue
            last = batch if len(batch) else last
            if last is not None:
                yield self._tensors(last)

    def _tensors(self, batch: Batch) -> Tensors:
        layout, target = self._context.layout, torch.from_numpy(batch.target)
        if layout.task == "regression":
            target = (target - layout.target_mean) / layout.target_std
        return torch.from_numpy(batch.dense), torch.from_numpy(batch.codes), target


class CountedBatches(EpochBatches):
    """`EpochBatches` with a known number of steps, which there is on a single rank."""

    def __len__(self) -> int:
        return -(-self._context.num_train_rows // self._batch_size)
