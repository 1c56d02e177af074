"""What a template may set for `cycle` and `additive`. Light: checking a template imports no array library."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from raytemplate.data.features.options import FeatureOptions
from raytemplate.models.options import Family
from raytemplate.options import Options


class CycleOptions(FeatureOptions):
    """Settings of one column of numbers on a circle, such as degrees."""

    kind: ClassVar[str] = "raytemplate_sample.cycle:Cycle"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    period: Annotated[float, Field(gt=0)]
    """How far it is once around, such as 360 for degrees."""


class AdditiveOptions(Options):
    """The target's mean and what each column adds to it: a person can read the model as one table a column."""

    kind: Literal["additive"] = "additive"
    """The family."""

    rounds: Annotated[int, Field(ge=1)] = 200
    """Steps; each improves the table of the column that gains most. Default: 200."""

    smoothing: Annotated[float, Field(ge=0)] = 10.0
    """Rows without an error that are added to each value's own, so that rare values say little. Default: 10."""


FAMILY = Family(
    name="additive",
    options=AdditiveOptions,
    uses=frozenset({"lr", "early_stopping", "checkpoint_every", "keep_checkpoints", "keep_best"}),
    loop="raytemplate_sample.additive:train",
    predictor="raytemplate_sample.additive:AdditivePredictor",
    trainer="torch",  # for `add_up`: several workers make the same tables
    files=("tables.npy",),
    rows_per_s=2_000_000.0,
    epochs_field="model.rounds",
    step="round",
    start_s=0.1,
    tasks=("regression",),
)
