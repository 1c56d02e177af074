"""The family `xgboost` and its options."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

from pydantic import Field

from raytemplate.models.options import BY_ROUNDS, Family
from raytemplate.options import Options


class XgBoostOptions(Options):
    """Histogram gradient boosting. `training.lr` is the shrinkage of each tree."""

    kind: Literal["xgboost"] = "xgboost"
    """The family."""

    num_trees: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Most boosting rounds. Default: 200."""

    max_depth: Annotated[int, Field(ge=1, le=32)] = 6
    """Greatest depth of a tree. Default: 6, as in XGBoost."""

    min_child_weight: Annotated[float, Field(ge=0)] = 1.0
    """Least weight of the rows in a leaf, by the second derivative of the loss. Default: 1, as in XGBoost."""

    l2: Annotated[float, Field(ge=0)] = 1.0
    """L2 penalty on leaf values. Default: 1, as in XGBoost."""

    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of features each tree may use. Default: 1."""

    row_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of rows used to grow each tree. Default: 1."""


def _no_gpus() -> str:
    """Why GPUs cannot be used, judged by the installed package: asking XGBoost itself would mean importing it."""
    with suppress(PackageNotFoundError):
        version("xgboost-cpu")
        return "the package xgboost-cpu is built for CPUs; xgboost is the one with CUDA"
    return ""


_DEEPEST = 10
"""Depth up to which trees are assumed to have all their leaves; in deeper ones rows run out."""


FAMILY = Family(
    name="xgboost",
    options=XgBoostOptions,
    uses=BY_ROUNDS,
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
