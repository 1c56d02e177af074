"""The family `linear` and its options."""

from typing import Annotated, Literal

from pydantic import Field

from raytemplate.models.options import Family
from raytemplate.options import Options


class LinearOptions(Options):
    """One weight for every number and for every value of a category: ridge, robust or quantile regression, or logistic
    regression for classes, according to `training.loss`. Fitted on all rows at once, by L-BFGS.
    """

    kind: Literal["linear"] = "linear"
    """The family."""

    l2: Annotated[float, Field(ge=0)] = 1.0
    """L2 penalty: the factor of half the sum of the squared weights, which is added to the sum of the losses of all
    rows, where a squared error counts half. Default: 1, as in scikit-learn's Ridge and LogisticRegression."""

    max_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 400
    """Most steps of L-BFGS, which ends earlier if the loss no longer falls. Default: 400."""


FAMILY = Family(
    name="linear",
    options=LinearOptions,
    uses=frozenset(
        {"loss", "quantile", "early_stopping", "checkpoint_every", "keep_checkpoints", "keep_best", "seed", "threads"}
    ),
    loop="raytemplate.models.linear.loop:train",
    predictor="raytemplate.models.linear.predict:LinearPredictor",
    trainer="torch",
    files=("weights.safetensors",),
    rows_per_s=12_000_000.0,
    column_s=8e-9,
    epochs_field="model.max_steps",
    step="step",
    start_s=0.5,
    packages=("scipy", "threadpoolctl"),
    extra="linear",
    no_gpus="it computes with numpy",
)
