"""The `LoopContext` of the Ray engine, for a single process or for one rank of many."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from raytemplate.engines.ray.data.feeds import Feed
from raytemplate.errors import Diverged
from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.execution.standing import ANEW, Standing, best_epochs, ended
from raytemplate.models.context import Batch, Layout, LoopContext, Split, Start
from raytemplate.models.options import TrainingSpec
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord, RankRecord, StopReason
from raytemplate.store.clock import now_at

OnEpoch = Callable[[EpochRecord], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """The work of a training as plain data, the same for every rank."""

    metric: str
    """Metric that is measured on validation after each epoch."""
    higher_is_better: bool
    """Whether a higher value of the metric is better."""
    num_epochs: int
    """Epochs to train at most."""
    training: TrainingSpec
    """Further settings of the loop."""
    checkpoint_every: int
    """Epochs between checkpoints; the last epoch always leaves one."""
    checkpoints: Path
    """Folder of the checkpoints, inside the run's folder."""
    remaining_s: float
    """Seconds of training left when the assignment was made."""
    made: float
    """When it was made, by the clock of `now_at` for the run's folder; a rank's start-up time thus counts on any
    machine."""
    layout: Layout
    """Columns of the encoded rows."""
    num_train_rows: int
    """Rows to train on, over all ranks."""
    start: Start | None = None
    """The model whose weights training begins with, if any."""
    asks_at: tuple[int, ...] = ()
    """Epochs after which a trial of a sweep waits to be told whether to continue."""
    also: tuple[str, ...] = ()
    """Further metrics to measure after each epoch."""

    def left_s(self) -> float:
        """Seconds of training left now, on any machine."""
        return self.remaining_s - max(0.0, now_at(self.checkpoints.parent) - self.made)

    def over(self, stands: Standing) -> StopReason | None:
        """Why nothing is left to train, or None: an earlier process may have ended after the last epoch."""
        return "epochs" if stands.epoch >= self.num_epochs else self.ended(stands.epochs)

    def ended(self, epochs: Sequence[EpochRecord]) -> StopReason | None:
        """See `execution.standing.ended`."""
        return ended(
            epochs,
            num_epochs=self.num_epochs,
            patience=self.training.early_stopping,
            higher_is_better=self.higher_is_better,
        )


class Ranks:
    """Communication between ranks; this one is for a single process."""

    rank = 0
    num_ranks = 1

    def total(self, number: int) -> int:
        """The sum of a whole number over the ranks."""
        return number

    def agree(self, yes: bool) -> bool:
        """The value of rank 0, on every rank."""
        return yes

    def first(self, said: Any) -> Any:
        """The value of rank 0, on every rank; for a few plain values."""
        return said

    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of an array over the ranks."""
        return values

    def wrap(self, model: Any) -> Any:
        """The model prepared for this rank, on the device that `device` returns."""
        return model if self.device() == "cpu" else model.to(self.device())

    def device(self) -> str:
        """The device on which this rank computes, for the model and for its batches alike."""
        return "cpu"

    def network(self) -> dict[str, Any]:
        """Network settings for libraries whose ranks connect to each other by themselves."""
        return {}


class RankContext(LoopContext):
    """A loop's view of the world, on one rank.

    Args:
        on_epoch: called on rank 0 with the record of each epoch.
        on_cold_start: called with the reason if training does not begin with the weights it was given.
        goes_on: returns on rank 0 whether a trial continues; waits until that is decided.
        stands: the progress of training when this rank starts.
    """

    def __init__(
        self,
        assignment: Assignment,
        feed: Feed,
        ranks: Ranks,
        on_epoch: OnEpoch,
        on_cold_start: Callable[[str], None] = lambda problem: None,
        goes_on: Callable[[], bool] = lambda: True,
        stands: Standing = ANEW,
    ) -> None:
        self.layout = assignment.layout
        self.num_train_rows = assignment.num_train_rows
        self.rank, self.num_ranks = ranks.rank, ranks.num_ranks
        self.stopped: StopReason = "epochs"
        self.record: RankRecord | None = None
        self._assignment, self._feed, self._ranks, self._on_epoch = assignment, feed, ranks, on_epoch
        self._on_cold_start, self._goes_on = on_cold_start, goes_on
        self._checkpoints = Checkpoints(assignment.checkpoints)
        self._deadline = time.monotonic() + assignment.left_s()
        self._started = self._reported = self._kept = time.monotonic()
        quantile = assignment.training.quantile
        self._metric = metric_of(assignment.metric, quantile)
        self._others = {name: metric_of(name, quantile) for name in assignment.also}
        self._also: dict[str, float] = {}
        self._stands, self._history = stands, list(stands.epochs)
        self._saved = {one.epoch: one.validation for one in stands.saved}
        self._num_rows = 0

    @override
    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        return self._feed.batches(split, epoch=epoch, batch_size=batch_size)

    @override
    def arrays(self, split: Split) -> Batch:
        return self._feed.arrays(split)

    @override
    def device(self) -> str:
        return self._ranks.device()

    @override
    def network(self) -> dict[str, Any]:
        return self._ranks.network()

    @override
    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._ranks.add_up(values)

    @override
    def wrap(self, model: Any) -> Any:
        return self._ranks.wrap(model)

    @override
    def measure(self, pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.floating[Any]]]]) -> float:
        # All rows in one call: R2 uses the mean of its rows, so values of several calls cannot be added up.
        targets, predictions = zip(*pairs, strict=True)
        both = np.concatenate(targets).astype(np.float64), np.concatenate(predictions).astype(np.float64)
        self._also = {name: metric(*both) for name, metric in self._others.items()}
        return self._metric(*both)

    @override
    def out_of_time(self) -> bool:
        spent = self._ranks.agree(time.monotonic() >= self._deadline)
        if spent:
            self.stopped = "budget.time"
        return spent

    @override
    def checkpoint(self) -> tuple[Path, int] | None:
        found = self._stands.checkpoint
        return (found.folder, found.epoch) if found else None

    @override
    def begin(self, take: Callable[[Start], str]) -> None:
        if self._assignment.start is None:
            return
        problem = take(self._assignment.start)
        if problem and self.rank == 0:
            self._on_cold_start(problem)

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
        self._refuse_non_finite(epoch, train_loss, validation)
        self._num_rows = num_rows
        now = time.monotonic()
        record = EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            validation=validation,
            num_rows=num_rows,
            loop_s=loop_s,
            wall_clock_s=now - self._started,
            also=Settings(self._also),
        )
        pace_s, self._reported = now - self._reported, now
        self._history.append(record)
        stop = self._ranks.agree(self._should_stop())
        if self.rank == 0:
            self._keep(record, stop or now + pace_s >= self._deadline, save)
        if epoch in self._assignment.asks_at:
            return self._ranks.agree(self.rank == 0 and not self._goes_on()) or stop
        return stop

    @override
    def inside(self, *, epoch: int, steps: int, save: Callable[[Path], None]) -> None:
        minutes = self._assignment.training.checkpoint_minutes
        if self.rank or minutes is None or time.monotonic() - self._kept < minutes * 60:
            return
        self._prune(self._checkpoints.save(epoch - 1, None, save, steps=steps))

    @override
    def finish(self, weights_sha256: str) -> None:
        self.record = RankRecord(rank=self.rank, num_rows=self._num_rows, weights_sha256=weights_sha256)

    def _refuse_non_finite(self, epoch: int, train_loss: float, validation: float) -> None:
        measured = {self._assignment.metric: validation, **self._also}
        named = {"loss": train_loss} | {f"validation {name}": value for name, value in measured.items()}
        for name, value in named.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"the {name} became {value} in epoch {epoch}",
                    next_step="lower training.lr, or look for extreme values in the features",
                )

    def _should_stop(self) -> bool:
        why = self._assignment.ended(self._history)
        if why != "epochs" and time.monotonic() >= self._deadline:
            why = "budget.time"
        self.stopped = why or self.stopped
        return bool(why)

    def _keep(self, record: EpochRecord, last: bool, save: Callable[[Path], None]) -> None:
        """Save a checkpoint if one is due, then the epoch's record, so that a record never names a missing checkpoint.

        Args:
            last: training ends with this epoch, or at this pace the next one would not end in time.
        """
        if last or record.epoch % self._assignment.checkpoint_every == 0:
            record = replace(record, checkpoint=f"epoch-{record.epoch:05d}")
            self._prune(self._checkpoints.save(record.epoch, record.validation, save, record=record), record)
        self._on_epoch(record)

    def _prune(self, saved: Path, record: EpochRecord | None = None) -> None:
        """Remove checkpoints no longer needed now that `saved` exists, which may be the best itself."""
        if record is not None:
            self._saved[record.epoch] = record.validation
        assignment, training = self._assignment, self._assignment.training
        best = best_epochs(self._saved.items(), training.keep_best, higher_is_better=assignment.higher_is_better)
        self._checkpoints.prune(training.keep_checkpoints, best, saved.name)
        self._kept = time.monotonic()
