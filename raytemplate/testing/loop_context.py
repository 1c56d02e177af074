"""A `LoopContext` in one process and in memory, for testing a loop without an engine."""

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
    """Encoded rows."""

    dense: NDArray[np.float32]
    """float32 [rows, D]."""
    codes: NDArray[np.int32]
    """int32 [rows, C]."""
    target: NDArray[np.float32]
    """float32 [rows]."""

    def chosen(self, rows: NDArray[np.int64] | slice) -> Batch:
        """Some of the rows, in the given order, as a batch that owns its memory."""
        target = self.target[rows].copy()
        return Batch(
            dense=self.dense[rows].copy(), codes=self.codes[rows].copy(), target=target, num_rows_all_ranks=len(target)
        )


class Killed(Exception):
    """Simulates the death of a process in the middle of an epoch."""


class MemoryContext(LoopContext):
    """One rank with its rows in memory and a checkpoint in `folder` after every report; measures the mean absolute
    error, or the log loss for classes.

    Args:
        rows: the rows of "train" and "validation".
        folder: where checkpoints are kept; training resumes from those of an earlier context.
        stop_after: the epoch after whose report training is told to stop, as by a budget.
        start: a model whose weights training starts from; `cold` then tells why they were not used.
        killed_inside: an epoch and a number of its steps, after which a checkpoint is kept and the process "dies".
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
