"""Names that a template may use -> "module:attribute", imported only when used. Widened by entry points.

Every plug-in is an `Options` model and a function or class; this file only says where they are.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict

SOURCES = "raytemplate.sources"
FEATURES = "raytemplate.features"
FEATURE_OPTIONS = "raytemplate.feature_options"  # apart, so that checking a template imports neither NumPy nor Arrow
FAMILIES = "raytemplate.families"
METRICS = "raytemplate.metrics"
GATES = "raytemplate.gates"

_SHIPPED: dict[str, dict[str, str]] = {
    SOURCES: {
        "parquet": "raytemplate.data.sources.parquet:ParquetSource",
        "csv": "raytemplate.data.sources.text.source:CSV",
        "jsonl": "raytemplate.data.sources.text.source:JSONL",
    },
    FEATURES: {
        "numeric": "raytemplate.data.features.numeric:Numeric",
        "buckets": "raytemplate.data.features.buckets:Buckets",
        "quantile": "raytemplate.data.features.quantile:Quantile",
        "power": "raytemplate.data.features.power:Power",
        "categorical": "raytemplate.data.features.categorical:Categorical",
        "ordinal": "raytemplate.data.features.ordinal:Ordinal",
        "hashing": "raytemplate.data.features.hashing:Hashing",
        "target-mean": "raytemplate.data.features.target_mean:TargetMean",
        "text": "raytemplate.data.features.text:Text",
        "datetime": "raytemplate.data.features.datetimes:DatetimeParts",
    },
    FEATURE_OPTIONS: {
        "numeric": "raytemplate.data.features.options:NumericOptions",
        "buckets": "raytemplate.data.features.options:BucketsOptions",
        "quantile": "raytemplate.data.features.options:QuantileOptions",
        "power": "raytemplate.data.features.options:PowerOptions",
        "categorical": "raytemplate.data.features.options:CategoricalOptions",
        "ordinal": "raytemplate.data.features.options:OrdinalOptions",
        "hashing": "raytemplate.data.features.options:HashingOptions",
        "target-mean": "raytemplate.data.features.options:TargetMeanOptions",
        "text": "raytemplate.data.features.options:TextOptions",
        "datetime": "raytemplate.data.features.options:DatetimeOptions",
    },
    FAMILIES: {
        "tabular-mlp": "raytemplate.models.tabular_mlp.family:FAMILY",
        "lightgbm": "raytemplate.models.lightgbm.family:FAMILY",
        "linear": "raytemplate.models.linear.family:FAMILY",
        "xgboost": "raytemplate.models.xgboost.family:FAMILY",
        "lightning": "raytemplate.models.lightning.family:FAMILY",
        "torch": "raytemplate.models.torch.family:FAMILY",
    },
    METRICS: {
        "mae": "raytemplate.evaluation.metrics.regression:MAE",
        "rmse": "raytemplate.evaluation.metrics.regression:RMSE",
        "r2": "raytemplate.evaluation.metrics.regression:R2",
        "pinball": "raytemplate.evaluation.metrics.quantiles:PINBALL",
        "coverage": "raytemplate.evaluation.metrics.quantiles:COVERAGE",
        "log-loss": "raytemplate.evaluation.metrics.classes:LOG_LOSS",
        "brier": "raytemplate.evaluation.metrics.classes:BRIER",
        "accuracy": "raytemplate.evaluation.metrics.classes:ACCURACY",
        "f1": "raytemplate.evaluation.metrics.classes:F1",
        "auc": "raytemplate.evaluation.metrics.ranking:AUC",
        "ece": "raytemplate.evaluation.metrics.calibration:ECE",
        "selection-rate": "raytemplate.evaluation.metrics.rates:SELECTION_RATE",
        "true-positive-rate": "raytemplate.evaluation.metrics.rates:TRUE_POSITIVE_RATE",
        "false-positive-rate": "raytemplate.evaluation.metrics.rates:FALSE_POSITIVE_RATE",
    },
    GATES: {
        "metric-limit": "raytemplate.governance.gates.metric_limit:MetricLimit",
        "slice-limit": "raytemplate.governance.gates.slice_limit:SliceLimit",
        "slice-gap": "raytemplate.governance.gates.slice_gap:SliceGap",
        "calibration": "raytemplate.governance.gates.calibration:Calibration",
        "latency": "raytemplate.governance.gates.latency:LatencyGate",
        "model-size": "raytemplate.governance.gates.model_size:ModelSize",
        "beats-baseline": "raytemplate.governance.gates.beats_baseline:BeatsBaseline",
        "beats-champion": "raytemplate.governance.gates.beats_champion:BeatsChampion",
        "data-rows": "raytemplate.governance.gates.data_rows:DataRows",
    },
}


_METRIC_TASKS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("mae", "rmse", "r2", "pinball", "coverage"), ("regression",)),
    **dict.fromkeys(("log-loss", "brier", "accuracy", "f1", "auc", "ece"), ("binary", "multiclass")),
    **dict.fromkeys(("selection-rate", "true-positive-rate", "false-positive-rate"), ("binary",)),
}


class Options(BaseModel):
    """What a template may set for one plug-in: frozen, strict, every field documented."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class UnknownName(ValueError):
    """A name that no plug-in carries."""

    def __init__(self, kind: str, name: str, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f'no such {kind}: "{name}"; {suggest(name, names)}')


def suggest(name: str, names: tuple[str, ...]) -> str:
    """ "did you mean X?" where something is near, else all there is."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(names)}"


@cache
def _installed() -> dict[str, dict[str, str]]:
    """Group -> name -> target, as installed packages declare them. Asking for it reads the metadata of all of them."""
    from importlib.metadata import entry_points

    points = entry_points()
    return {group: {point.name: point.value for point in points.select(group=group)} for group in _SHIPPED}


def _target(group: str, name: str) -> str | None:
    return _SHIPPED[group].get(name) or _installed()[group].get(name)


def names(group: str) -> tuple[str, ...]:
    """All names of a group, sorted."""
    return tuple(sorted({*_SHIPPED[group], *_installed()[group]}))


def is_known(group: str, name: str) -> bool:
    """Whether a plug-in has that name; nothing is imported."""
    return _target(group, name) is not None


def load(group: str, name: str) -> Any:
    """The plug-in of that name; its module is imported now.

    Raises:
        UnknownName: no such plug-in; the message names the nearest.
    """
    target = _target(group, name)
    if target is None:
        raise UnknownName(group.rpartition(".")[2].removesuffix("s").replace("familie", "family"), name, names(group))
    return resolve(target)


def resolve(target: str) -> Any:
    """The object behind "module:attribute"."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def metric_tasks(name: str) -> tuple[str, ...]:
    """The tasks that a metric is for; () where no metric has that name. A shipped one is not imported for that."""
    if name in _METRIC_TASKS or not is_known(METRICS, name):
        return _METRIC_TASKS.get(name, ())
    return tuple(sorted(load(METRICS, name).tasks))
