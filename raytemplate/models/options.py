"""The `training` namespace, shared by every family, and what a family declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from raytemplate.data.options import Share, Task
from raytemplate.options import Options

Loss = Literal["mae", "mse", "huber", "quantile", "log-loss"]


class TrainingSpec(Options):
    """How the model is trained. A family uses some of these fields; setting one that it does not use is an error."""

    loss: Loss = "mse"
    """What training minimises: for numbers `mae`, `mse`, `huber` or `quantile`, for classes `log-loss`.
    Default: mse, log-loss for classes."""

    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    """With loss `quantile`: the share of rows that lie below the prediction, such as 0.9. Default: none."""

    epochs: Annotated[int, Field(ge=1)] = 10
    """Most passes over the training window, a whole number. Default: 10."""

    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate, above 0. Default: the family's: 1e-3 for networks, Adam's usual start; 0.1 for trees, whose
    shrinkage it is."""

    lr_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """`linear` lowers the rate step by step to zero at the end of the last epoch, `cosine` along half a wave, late and
    then fast; `constant` keeps it. Default: linear, so that the last epochs settle and the choice of the epoch is not
    one of noise."""

    warmup: Share | None = None
    """Share of all steps, such as `5 %`, over which the rate rises from zero before the schedule begins. Default: none;
    set it where the first steps of a large network diverge."""

    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Longest gradient of a step, over all weights together; a longer one is shortened to it. Default: any length."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """`bfloat16` multiplies in half the bits where the hardware is quicker at it; weights stay float32, and so does
    every prediction. Default: float32."""

    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` lets every class weigh the same in the loss, however rare: probabilities are then those of a world
    in which all classes are equally frequent. Default: none, so that probabilities can be taken at their word."""

    batch_size: Annotated[int, Field(ge=1, le=10_000_000)] = 512
    """Rows in one step, over all workers together. Default: 512."""

    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty on weights. Default: 0."""

    early_stopping: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many epochs (trees: rounds, linear: steps) without a better validation metric.
    Default: never early."""

    warm_start: Literal["none", "champion"] = "none"
    """`champion`: training begins with the champion's weights where its family, columns and network are the same, else
    as if nothing were set; the plan and the record say which. Two runs then differ once the champion has changed.
    Default: none, so that a run depends on its data alone."""

    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Epochs (trees: rounds, linear: steps) between checkpoints. Default: every epoch; trees and linear: a twentieth of
    `num_trees` or `max_steps`."""

    checkpoint_minutes: Annotated[float, Field(gt=0)] | None = None
    """Minutes after which a checkpoint is kept inside an epoch too, for epochs that take longer than one would like to
    train again. What it holds is for going on, never the candidate. Default: between epochs only."""

    keep_checkpoints: Annotated[int, Field(ge=1)] = 3
    """Newest checkpoints kept, besides the best. Default: 3, so that a torn newest one costs little."""

    keep_best: Annotated[int, Field(ge=1)] = 1
    """Best checkpoints kept, by the validation metric. Default: 1, the one that becomes the candidate."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of everything random: weights, order of rows, bootstrap; below 2,147,483,648. Default: 0."""

    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """CPU threads a worker uses. Default: 1: repeatable to the bit, and quicker than several on shared cores."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What a model family declares. `loop` and `predictor` are "module:attribute", imported only where they run.

    Args:
        options: the family's own fields under `model`.
        uses: fields of `training` that the family uses.
        loop: `train(context, options, training) -> None`, see `models.context`.
        predictor: a class with `load(folder)` and `predict(batch)`.
        trainer: which Ray Train trainer sets up its workers: "torch", "lightgbm", "xgboost" or "plain".
        files: names of the files that make up a trained model; the first holds the weights alone. Whatever else a
            checkpoint holds is only for going on with training.
        rows_per_s: rows of ten columns a second through one epoch (of trees: one tree) on one CPU, before there is any
            history.
        column_s: seconds that each column more adds to a row of an epoch.
        leaves: leaves of one tree under the family's options; None for a family that grows none. Of more than two
            classes each has a tree a round.
        epochs_field: where the number of epochs (or rounds) stands: "training.epochs" or "model.NAME".
        lr: the learning rate where no layer says another.
        step: what its epochs are called: "epoch", or where many short ones are needed a "round" (boosting) or a "step".
        start_s: seconds to import the family's libraries.
        targets: its own fields that name a person's code, as "my_pkg.model:build".
        tasks: what `data.task` may be.
        takes_missing: whether its loop and predictor take NaN in dense columns as a missing value; else they get it
            filled, and a column that says where it was.
        packages: what must be importable that not every installation has.
        extra: the extra of our package that brings them.
        no_gpus: why it computes on CPUs alone, whatever a worker holds; "" if it uses the GPUs that it is given.
    """

    name: str
    options: type[Options]
    uses: frozenset[str]
    loop: str
    predictor: str
    trainer: Literal["torch", "lightgbm", "xgboost", "plain"]
    files: tuple[str, ...]
    rows_per_s: float
    epochs_field: str
    start_s: float
    lr: float = 1e-3
    step: Literal["epoch", "round", "step"] = "epoch"
    tasks: tuple[Task, ...] = ("regression", "binary", "multiclass")
    packages: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    extra: str = ""
    no_gpus: str = ""
    takes_missing: bool = False
    column_s: float = 0.0
    leaves: Callable[[Any], int] | None = None

    def checkpoint_interval(self, training: TrainingSpec, num_epochs: int) -> int:
        """Epochs (or rounds) between checkpoints: as the template says, else one, or a twentieth of many short ones."""
        if training.checkpoint_every is not None:
            return training.checkpoint_every
        return 1 if self.step == "epoch" else max(1, num_epochs // 20)
