"""What a training loop sees of the world: one `LoopContext`, and no engine.

A loop has the signature `train(context, options, training) -> None`. The same loop serves one process, many
workers and a sweep's trial; whoever runs it supplies the context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from raytemplate.data.features.gaps import Gap

Split = Literal["train", "validation"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Encoded rows of one rank.

    Args:
        dense: float32 [rows, dense features], scaled; NaN for a missing value if the family takes it, else finite.
        codes: int32 [rows, categorical features], each below its cardinality.
        target: float32 [rows], in the target's own unit, or the index of the row's class.
        num_rows_all_ranks: rows of this step over all ranks; a rank may have none of them.
    """

    dense: NDArray[np.float32]
    codes: NDArray[np.int32]
    target: NDArray[np.float32]
    num_rows_all_ranks: int

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The columns of a `Batch`, and the target's mean and deviation over the training window.

    Args:
        task: "regression", "binary" or "multiclass". For classes a batch's target is the index of the class.
        classes: the classes in the order of their index; of two, the second is the positive one. Empty for regression.
        class_counts: rows of each class in training.
        gaps: features with missing values: NaN in a batch if `missing_as_nan`, else filled, and told by the last
            columns of `dense`.
    """

    dense: tuple[str, ...]
    codes: tuple[str, ...]
    cardinalities: tuple[int, ...]
    target_mean: float
    target_std: float
    task: str = "regression"
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    gaps: tuple[Gap, ...] = ()
    missing_as_nan: bool = False

    @property
    def num_outputs(self) -> int:
        """Numbers that a network gives for a row: one for each of more than two classes, else one."""
        return len(self.classes) if self.task == "multiclass" else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A trained model whose weights training begins with.

    Args:
        folder: the model's.
        codes: column of codes -> for each of its codes the code that its value had in that model, -1 if it had none.
    """

    folder: Path
    codes: Mapping[str, tuple[int, ...]]


class LoopContext(Protocol):
    """Everything a loop may use. Methods marked "together" must be called by all ranks, in the same order."""

    layout: Layout
    rank: int
    num_ranks: int
    num_train_rows: int
    """Rows of the train window, over all ranks."""

    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        """Batches of this rank, as many on every rank; train is shuffled by (seed, epoch). Together.

        `batch_size` is over all ranks. Validation is whole on every rank.
        """
        ...

    def arrays(self, split: Split) -> Batch:
        """All rows of this rank at once, in a fixed order."""
        ...

    def measure(self, pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.floating[Any]]]]) -> float:
        """The deciding metric over (target, prediction) pairs of the validation window, shaped as by a `Predictor`."""
        ...

    def out_of_time(self) -> bool:
        """Whether the time for training is spent; the same answer on every rank. Together."""
        ...

    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of an array over all ranks, the same bits on each; for families of trainer "torch". Together."""
        ...

    def wrap(self, model: Any) -> Any:
        """The model made ready for this rank: on its device, gradients averaged over ranks."""
        ...

    def device(self) -> str:
        """Where this rank computes, as torch names it: "cpu", "cuda:0"."""
        ...

    def network(self) -> dict[str, Any]:
        """Addresses of all ranks in the words of the family's library, if it opens its own connections; else empty."""
        ...

    def checkpoint(self) -> tuple[Path, int] | None:
        """Folder of the newest good checkpoint of this run and how many epochs it holds; None to start anew."""
        ...

    def begin(self, take: Callable[[Start], str]) -> None:
        """Where the template asks for a warm start, call `take`; it says why the weights do not fit, "" if it took
        them. To be called where there is no checkpoint, once the network is built.
        """
        ...

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
        """Hand in one epoch; True if training should end here. Together.

        `save` writes the model's files and whatever going on needs into an empty folder; it is called on rank 0
        when a checkpoint is due.

        Raises:
            TrainingFailed: the loss or the metric is NaN or infinite.
        """
        ...

    def inside(self, *, epoch: int, steps: int, save: Callable[[Path], None]) -> None:
        """Offer a checkpoint inside an epoch, after so many of its steps; `save` is called on rank 0 when
        `training.checkpoint_minutes` have passed since the last one. It counts as one of the epoch before: only what
        `save` wrote says that there is more.
        """
        ...

    def finish(self, weights_sha256: str) -> None:
        """Say that training ended, with the digest of this rank's weights ("" if ranks share none). Together."""
        ...


class Predictor(Protocol):
    """A trained model: loaded from its folder, predicts encoded rows."""

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> Predictor:
        """The model in a folder. Never unpickles."""
        ...

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Predictions, float64: [rows] in the target's unit; for two classes [rows], the probability of the second;
        for more [rows, classes], probabilities in the order of `Layout.classes`.
        """
        ...
