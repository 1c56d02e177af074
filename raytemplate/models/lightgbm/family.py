"""The family `lightgbm` and its options."""

from typing import Annotated, Literal

from pydantic import Field

from raytemplate.models.options import BY_ROUNDS, Family
from raytemplate.options import Options


class LightGbmOptions(Options):
    """Histogram gradient boosting. `training.lr` is the shrinkage of each tree."""

    kind: Literal["lightgbm"] = "lightgbm"
    """The family."""

    num_trees: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Most boosting rounds. Default: 200."""

    num_leaves: Annotated[int, Field(ge=2, le=131_072)] = 31
    """Leaves of one tree; LightGBM's limit is 131,072. Default: 31, as in LightGBM."""

    min_rows_in_leaf: Annotated[int, Field(ge=1, le=1_000_000_000)] = 20
    """Fewest rows in a leaf. Default: 20, as in LightGBM."""

    l2: Annotated[float, Field(ge=0)] = 0.0
    """L2 penalty on leaf values. Default: 0."""

    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of features each tree may use. Default: 1."""


FAMILY = Family(
    name="lightgbm",
    options=LightGbmOptions,
    uses=BY_ROUNDS,
    loop="raytemplate.models.lightgbm.loop:train",
    predictor="raytemplate.models.lightgbm.predict:LightGbmPredictor",
    trainer="lightgbm",
    files=("trees.txt",),
    rows_per_s=10_000_000.0,
    column_s=7e-9,
    leaves=lambda options: options.num_leaves,
    epochs_field="model.num_trees",
    step="round",
    lr=0.1,
    packages=("lightgbm",),
    start_s=1.3,
    extra="trees",
    no_gpus="the LightGBM that package indexes offer is built for CPUs",
    takes_missing=True,
)
