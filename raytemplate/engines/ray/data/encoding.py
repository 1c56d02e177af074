"""Computes a window's statistics, fits features to them, and encodes rows as arrays."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.code.load import code_in
from raytemplate.data.features.encoding import FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import FeatureStatistics, feature_statistics
from raytemplate.data.target import check_classes
from raytemplate.models.context import Layout
from raytemplate.models.saved import layout_of
from raytemplate.planning.stages import FeatureStep, IngestStage

Arrays = Mapping[str, NDArray[Any]]


def statistics_of(table: pa.Table, stage: IngestStage) -> FeatureStatistics:
    """The statistics needed by the stage's features and target."""
    return feature_statistics(table, stage.features, stage.target, stage.task, stage.positive)


def fitted(found: Mapping[str, FeatureStatistics], stage: IngestStage) -> FittedFeatures:
    """The features that the stage takes, as they are, and its own, fitted to the statistics of "train".

    Args:
        found: window -> its statistics.

    Raises:
        DataError: they cannot be fitted, or a window of `found` has classes that do not occur in train.
    """
    features = fit_features(
        found["train"], stage.features, stage.task, stage.positive, gaps=stage.gaps, taken=stage.taken
    )
    if stage.task != "regression":
        check_classes({name: p.target for name, p in found.items()}, stage.target, features.classes)
    return features


def arrays_of(table: pa.Table, features: FittedFeatures, window: str) -> Arrays:
    """The rows of a window as arrays named "dense", "codes", "missing" and "target"."""
    encoded = encode(table, features, with_target=True, training=window == "train")
    assert encoded.target is not None
    return {"dense": encoded.dense, "codes": encoded.codes, "missing": encoded.missing, "target": encoded.target}


def encode_rows(
    stage: IngestStage, steps: tuple[FeatureStep, ...], code: Path, train: pa.Table, validation: pa.Table
) -> tuple[Layout, Arrays, Arrays]:
    """Encode train and validation with the features of `steps` instead of the stage's. Runs on a worker.

    Returns:
        The layout of both, then the arrays of train and of validation.
    """
    stage = replace(stage, features=steps)
    with code_in(code):
        features = fitted({"train": statistics_of(train, stage)}, stage)
        held = arrays_of(validation, features, "validation")
        return layout_of(features), arrays_of(train, features, "train"), held
