"""What a training loop may use: one `LoopContext`, and no engine.

A loop has the signature `train(context, options, training) -> None`. The same loop serves one process, many
workers and a trial of a sweep; the engine that runs it supplies the context.
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
    """Encoded rows of one rank."""

    dense: NDArray[np.float32]
    """float32 [rows, dense features], scaled; NaN for a missing value if the family accepts that, else finite."""

    codes: NDArray[np.int32]
    """int32 [rows, categorical features], each below its cardinality."""

    target: NDArray[np.float32]
    """float32 [rows], in the target's own unit, or the index of the row's class."""

    num_rows_all_ranks: int
    """Rows of this step over all ranks; a rank may have none of them."""

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The columns of a `Batch`, and the scale of its target."""

    dense: tuple[str, ...]
    """Names of the dense columns."""

    codes: tuple[str, ...]
    """Names of the code columns."""

    cardinalities: tuple[int, ...]
    """Number of codes of each code column."""

    target_mean: float
    """Mean of the target over the training window, in its own unit."""

    target_std: float
    """Standard deviation of the target over the training window, in its own unit."""

    task: str = "regression"
    """What is predicted, as in `data.task`. For classes the target of a batch is the index of the class."""

    classes: tuple[str, ...] = ()
    """The classes in the order of their index; of two, the second is the positive one. Empty for regression."""

    class_counts: tuple[int, ...] = ()
    """Training rows of each class."""

    gaps: tuple[Gap, ...] = ()
    """Features with missing values: NaN in a batch if `missing_as_nan`, else filled, and marked by the last columns of
    `dense`."""

    missing_as_nan: bool = False
    """Whether the family accepts NaN as a missing value."""

    @property
    def num_outputs(self) -> int:
        """Outputs of a network for a row: one for each class if there are more than two, else one."""
        return len(self.classes) if self.task == "multiclass" else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A trained model whose weights training starts from."""

    folder: Path
    """Folder of the model."""

    codes: Mapping[str, tuple[int, ...]]
    """Code column -> for each of its codes, the code of the same value in that model; -1 if it had none."""


class LoopContext(Protocol):
    """Everything a loop may use. Methods marked "collective" must be called by all ranks, in the same order."""

    layout: Layout
    """The columns of batches, and the scale of the target."""

    rank: int
    """Number of this rank, from 0."""

    num_ranks: int
    """Number of ranks."""

    num_train_rows: int
    """Rows of the train window, over all ranks."""

    def batches(self, split: Split, *, epoch: int, batch_size: int) -> Iterator[Batch]:
        """Batches of this rank, equally many on every rank; train is shuffled by (seed, epoch). Collective.

        `batch_size` counts rows over all ranks. Every rank gets the whole validation window.
        """
        ...

    def arrays(self, split: Split) -> Batch:
        """All rows of this rank at once, in a fixed order."""
        ...

    def measure(self, pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.floating[Any]]]]) -> float:
        """The deciding metric over (target, prediction) pairs of the validation window, shaped as by a `Predictor`."""
        ...

    def out_of_time(self) -> bool:
        """Whether the time for training is spent; the same answer on every rank. Collective."""
        ...

    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of an array over all ranks, identical to the bit on each. Only for families whose trainer is "torch".
        Collective."""
        ...

    def wrap(self, model: Any) -> Any:
        """The model prepared for this rank: on its device, with gradients averaged over ranks."""
        ...

    def device(self) -> str:
        """The device of this rank, as torch names it: "cpu", "cuda:0"."""
        ...

    def network(self) -> dict[str, Any]:
        """Addresses of all ranks as settings of the family's library, if it opens its own connections; else empty."""
        ...

    def checkpoint(self) -> tuple[Path, int] | None:
        """Folder of the newest good checkpoint of this run and the number of epochs in it; None to start from
        scratch."""
        ...

    def begin(self, take: Callable[[Start], str]) -> None:
        """Calls `take` if the template asks for a warm start. `take` returns why the weights do not fit, or "" if it
        took them. To be called if there is no checkpoint, once the network is built.
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
        """Reports one epoch; returns whether training should end here. Collective.

        `save` writes the model's files and all that is needed to resume into an empty folder; it is called on rank 0
        when a checkpoint is due.

        Raises:
            TrainingFailed: the loss or the metric is NaN or infinite.
        """
        ...

    def inside(self, *, epoch: int, steps: int, save: Callable[[Path], None]) -> None:
        """Offers a checkpoint inside an epoch, after `steps` of its steps; `save` is called on rank 0 if
        `training.checkpoint_minutes` have passed since the last one. The checkpoint counts as one of the epoch before:
        only the files that `save` writes show that it is further on.
        """
        ...

    def finish(self, weights_sha256: str) -> None:
        """Reports the end of training, with the digest of this rank's weights ("" if ranks do not share weights).
        Collective."""
        ...


class Predictor(Protocol):
    """A trained model that is loaded from its folder and predicts encoded rows."""

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> Predictor:
        """The model in a folder. Never unpickles."""
        ...

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Predictions, float64: [rows] in the target's unit; for two classes [rows], the probability of the second;
        for more classes [rows, classes], probabilities in the order of `Layout.classes`.
        """
        ...
