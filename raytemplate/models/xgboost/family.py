"""What `xgboost` declares and what a template may set for it."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

from pydantic import Field

from raytemplate.models.options import Family
from raytemplate.options import Options


class XgBoostOptions(Options):
    """Histogram gradient boosting. `training.lr` is the shrinkage of each tree."""

    kind: Literal["xgboost"] = "xgboost"
    """The family."""

    num_trees: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Most boosting rounds. Default: 200."""

    max_depth: Annotated[int, Field(ge=1, le=32)] = 6
    """Deepest that a tree may grow. Default: 6, XGBoost's own."""

    min_child_weight: Annotated[float, Field(ge=0)] = 1.0
    """Fewest rows in a leaf, by the weight that the loss gives them. Default: 1, XGBoost's own."""

    l2: Annotated[float, Field(ge=0)] = 1.0
    """L2 penalty on leaf values. Default: 1, XGBoost's own."""

    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of features each tree may use. Default: 1."""

    row_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of rows each tree is grown on. Default: 1."""


def _no_gpus() -> str:
    """By the package that is installed: to ask XGBoost how it was built, it would have to be imported."""
    with suppress(PackageNotFoundError):
        version("xgboost-cpu")
        return "the package xgboost-cpu is built for CPUs; xgboost is the one with CUDA"
    return ""


_DEEPEST = 10
"""Deeper trees have fewer leaves than could be: rows run out."""


FAMILY = Family(
    name="xgboost",
    options=XgBoostOptions,
    uses=frozenset(
        {
            "loss",
            "quantile",
            "lr",
            "early_stopping",
            "checkpoint_every",
            "keep_checkpoints",
            "keep_best",
            "seed",
            "threads",
        }
    ),
    loop="raytemplate.models.xgboost.loop:train",
    predictor="raytemplate.models.xgboost.predict:XgBoostPredictor",
    trainer="xgboost",
    files=("trees.ubj",),
    rows_per_s=10_000_000.0,
    column_s=6e-9,
    leaves=lambda options: 2 ** min(options.max_depth, _DEEPEST),
    epochs_field="model.num_trees",
    step="round",
    lr=0.1,
    packages=("xgboost",),
    start_s=1.3,
    extra="trees",
    no_gpus=_no_gpus(),
    takes_missing=True,
)
