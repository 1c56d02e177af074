"""A `LoopContext` in one process and in memory, for trying a loop out without an engine."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from raytemplate.errors import TrainingFailed
from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.models.context import Batch, Layout, LoopContext, Split, Start


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Encoded rows: dense float32 [rows, D], codes int32 [rows, C], target float32 [rows]."""

    dense: NDArray[np.float32]
    codes: NDArray[np.int32]
    target: NDArray[np.float32]

    def chosen(self, rows: NDArray[np.int64] | slice) -> Batch:
        """Some of the rows, in that order, as a batch of memory of its own."""
        target = self.target[rows].copy()
        return Batch(
            dense=self.dense[rows].copy(), codes=self.codes[rows].copy(), target=target, num_rows_all_ranks=len(target)
        )


class Killed(Exception):
    """Stands for the death of a process inside an epoch."""


class MemoryContext(LoopContext):
    """One rank, its rows in memory, a checkpoint after every report in `folder`; measures the mean absolute error, or
    the log loss of classes.

    Args:
        rows: "train" and "validation".
        folder: where checkpoints are; those of an earlier context are gone on from.
        stop_after: the epoch whose report says stop, as a budget would.
        killed_inside: the epoch and the steps of it after which a checkpoint is kept and the process "dies".
        start: a model whose weights training begins with; `cold` then says why they were not taken.
    """

    rank, num_ranks = 0, 1

    def __init__(
        self,
        rows: Mapping[Split, Rows],
        layout: Layout,
        folder: Path,
        *,
        seed: int = 0,
        stop_after: int | None = None,
        start: Start | None = None,
        killed_inside: tuple[int, int] | None = None,
    ) -> None:
        self.layout = layout
        self.num_train_rows = len(rows["train"].target)
        self.epochs: list[int] = []
        self.losses: list[float] = []
        self.validations: list[float] = []
        self.finished: str | None = None
        self.cold: str | None = None
        self._start, self._killed_inside = start, killed_inside
        self._rows, self._folder, self._seed, self._stop_after = rows, folder, seed, stop_after

    @override
    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        rows = self._rows[split]
        order = np.arange(len(rows.target))
        if split == "train":
            order = np.random.default_rng([self._seed, epoch]).permutation(order)
        for start in range(0, len(order), batch_size):
            yield rows.chosen(order[start : start + batch_size])

    @override
    def arrays(self, split: Split) -> Batch:
        return self._rows[split].chosen(slice(None))

    @override
    def measure(self, pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.floating[Any]]]]) -> float:
        targets, predictions = zip(*pairs, strict=True)
        metric = metric_of("mae" if self.layout.task == "regression" else "log-loss")
        return metric(np.concatenate(targets).astype(np.float64), np.concatenate(predictions).astype(np.float64))

    @override
    def out_of_time(self) -> bool:
        return False

    @override
    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values

    @override
    def wrap(self, model: Any) -> Any:
        return model

    @override
    def device(self) -> str:
        return "cpu"

    @override
    def network(self) -> dict[str, Any]:
        return {}

    @override
    def checkpoint(self) -> tuple[Path, int] | None:
        found = sorted(self._folder.glob("epoch-*"))
        return (found[-1], int(found[-1].name.removeprefix("epoch-").split(".")[0])) if found else None

    @override
    def begin(self, take: Callable[[Start], str]) -> None:
        if self._start is not None:
            self.cold = take(self._start)

    @override
    def report(
        self,
        *,
        epoch: int,
        train_loss: float,
        validation: float,
        loop_s: float,
        num_rows: int,
        save: Callable[[Path], None],
    ) -> bool:
        if not (math.isfinite(train_loss) and math.isfinite(validation)):
            raise TrainingFailed(f"loss {train_loss}, validation {validation} in epoch {epoch}")
        self.epochs.append(epoch)
        self.losses.append(train_loss)
        self.validations.append(validation)
        folder = self._folder / f"epoch-{epoch:05d}"
        folder.mkdir(parents=True)
        save(folder)
        return self._stop_after is not None and epoch >= self._stop_after

    @override
    def inside(self, *, epoch: int, steps: int, save: Callable[[Path], None]) -> None:
        if self._killed_inside is None or (epoch, steps) < self._killed_inside:
            return
        folder = self._folder / f"epoch-{epoch - 1:05d}.{steps:09d}"
        folder.mkdir(parents=True)
        save(folder)
        raise Killed

    @override
    def finish(self, weights_sha256: str) -> None:
        self.finished = weights_sha256
