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
    """For loss `quantile`: the share of rows whose target is below the prediction, such as 0.9. Default: none."""

    epochs: Annotated[int, Field(ge=1)] = 10
    """Most passes over the training window, a whole number. Default: 10."""

    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate, above 0. Default: the family's: 1e-3 for networks, Adam's usual rate; 0.1 for trees, where it is
    the shrinkage."""

    lr_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate changes with every step: `linear` falls evenly to zero at the end of the last epoch,
    `cosine` falls to zero along half a cosine wave, `constant` stays. Default: linear, so that the last epochs settle
    and the choice of the epoch does not depend on noise."""

    warmup: Share | None = None
    """Share of all steps, such as `5 %`, over which the rate rises from zero before the schedule begins. Default: none;
    set it if the first steps of a large network diverge."""

    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Greatest norm of a step's gradient, over all weights together; a longer gradient is scaled down to it.
    Default: no limit."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """`bfloat16` multiplies with half the bits, which some hardware does faster; weights and predictions stay float32.
    Default: float32."""

    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` gives every class the same total weight in the loss, however rare it is: probabilities are then those
    of data in which all classes are equally frequent. Default: none, so that probabilities match the data."""

    batch_size: Annotated[int, Field(ge=1, le=10_000_000)] = 512
    """Rows in one step, over all workers together. Default: 512."""

    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty on weights. Default: 0."""

    early_stopping: Annotated[int, Field(ge=1)] | None = None
    """Epochs (trees: rounds, linear: steps) without a better validation metric after which training stops.
    Default: training never stops early."""

    warm_start: Literal["none", "champion"] = "none"
    """`champion` starts from the champion's weights if its family, columns and network are the same, else from scratch;
    the plan and the record say which. Two runs then differ once the champion has changed. Default: none, so that a run
    depends only on its data."""

    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Epochs (trees: rounds, linear: steps) between checkpoints. Default: every epoch; trees and linear: a twentieth of
    `num_trees` or `max_steps`."""

    checkpoint_minutes: Annotated[float, Field(gt=0)] | None = None
    """Minutes between checkpoints inside an epoch, for epochs that are too long to repeat. Such checkpoints are only
    for resuming and never become the candidate. Default: checkpoints between epochs only."""

    keep_checkpoints: Annotated[int, Field(ge=1)] = 3
    """Number of newest checkpoints kept, besides the best. Default: 3, so that little is lost if the newest is
    damaged."""

    keep_best: Annotated[int, Field(ge=1)] = 1
    """Number of best checkpoints kept, by the validation metric. Default: 1, which becomes the candidate."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of everything random: weights, order of rows, bootstrap; below 2,147,483,648. Default: 0."""

    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """CPU threads of a worker. Default: 1, which is repeatable to the bit and faster than several on shared cores."""


BY_ROUNDS = frozenset(
    {
        "loss", "quantile", "lr", "early_stopping", "checkpoint_every", "keep_checkpoints", "keep_best", "seed",
        "threads",
    }
)  # fmt: skip
"""Fields of `training` that boosted trees use."""

BY_GRADIENT = BY_ROUNDS | {
    "epochs", "lr_schedule", "warmup", "clip_norm", "precision", "class_weights", "batch_size", "weight_decay",
    "warm_start", "checkpoint_minutes",
}  # fmt: skip
"""Fields of `training` that networks in our own training loop use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What a model family declares about itself."""

    name: str
    """Name of the family, as in `model.kind`."""

    options: type[Options]
    """The family's own fields under `model`."""

    uses: frozenset[str]
    """Fields of `training` that the family uses."""

    loop: str
    """Its training loop as "module:attribute", imported where it runs: `train(context, options, training) -> None`, see
    `models.context`."""

    predictor: str
    """Its `models.context.Predictor` as "module:attribute", imported where it runs."""

    trainer: Literal["torch", "lightgbm", "xgboost", "plain"]
    """The Ray Train trainer that sets up its workers."""

    files: tuple[str, ...]
    """Names of the files that make up a trained model; the first holds the weights alone. All other files of a
    checkpoint are only for resuming."""

    rows_per_s: float
    """Rows of ten columns that one CPU puts through an epoch (for trees: a tree) per second; used until there is a
    history."""

    epochs_field: str
    """The field with the number of epochs (or rounds): "training.epochs" or "model.NAME"."""

    start_s: float
    """Seconds to import the family's libraries."""

    lr: float = 1e-3
    """The learning rate if no layer sets one."""

    step: Literal["epoch", "round", "step"] = "epoch"
    """What its epochs are called: "epoch", or "round" (boosting) or "step" if it needs many short ones."""

    tasks: tuple[Task, ...] = ("regression", "binary", "multiclass")
    """Allowed values of `data.task`."""

    packages: tuple[str, ...] = ()
    """Packages that it imports and that not every installation has."""

    targets: tuple[str, ...] = ()
    """Its own fields that name the user's code, such as "my_pkg.model:build"."""

    extra: str = ""
    """The extra of our package that installs `packages`."""

    no_gpus: str = ""
    """Why it computes only on CPUs, whatever a worker holds; "" if it uses the GPUs that it gets."""

    takes_missing: bool = False
    """Whether its loop and predictor accept NaN in dense columns as a missing value. If not, they get it filled, with
    an extra column that marks it."""

    column_s: float = 0.0
    """Seconds that each further column adds to a row of an epoch."""

    leaves: Callable[[Any], int] | None = None
    """Leaves of one tree under the family's options; None for a family without trees. With more than two classes, each
    class has one tree a round."""

    def checkpoint_interval(self, training: TrainingSpec, num_epochs: int) -> int:
        """Epochs (or rounds) between checkpoints: as the template says, else one, or a twentieth of many short ones."""
        if training.checkpoint_every is not None:
            return training.checkpoint_every
        return 1 if self.step == "epoch" else max(1, num_epochs // 20)
