"""Names that a template may use -> "module:attribute", imported only when used. Entry points add more.

Every plug-in describes itself and, if it needs large libraries, names its code in the same way; this file only locates
it.
"""

import difflib
import importlib
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from traceback import format_exception, walk_tb
from typing import Any

from raytemplate.errors import Bug, UsageError, in_words

SOURCES = "raytemplate.sources"
FEATURES = "raytemplate.features"
FAMILIES = "raytemplate.families"
METRICS = "raytemplate.metrics"
GATES = "raytemplate.gates"
SEARCHES = "raytemplate.searches"

_SHIPPED: dict[str, dict[str, str]] = {
    SOURCES: {
        "parquet": "raytemplate.data.sources.parquet:ParquetSource",
        "csv": "raytemplate.data.sources.text.source:CSV",
        "jsonl": "raytemplate.data.sources.text.source:JSONL",
        "delta": "raytemplate.data.sources.delta:DeltaSource",
        "sql": "raytemplate.data.sources.sql:SqlSource",
    },
    FEATURES: {
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
        "mae": "raytemplate.evaluation.metrics.shipped:MAE",
        "rmse": "raytemplate.evaluation.metrics.shipped:RMSE",
        "r2": "raytemplate.evaluation.metrics.shipped:R2",
        "pinball": "raytemplate.evaluation.metrics.shipped:PINBALL",
        "coverage": "raytemplate.evaluation.metrics.shipped:COVERAGE",
        "log-loss": "raytemplate.evaluation.metrics.shipped:LOG_LOSS",
        "brier": "raytemplate.evaluation.metrics.shipped:BRIER",
        "accuracy": "raytemplate.evaluation.metrics.shipped:ACCURACY",
        "f1": "raytemplate.evaluation.metrics.shipped:F1",
        "auc": "raytemplate.evaluation.metrics.shipped:AUC",
        "ece": "raytemplate.evaluation.metrics.shipped:ECE",
        "selection-rate": "raytemplate.evaluation.metrics.shipped:SELECTION_RATE",
        "true-positive-rate": "raytemplate.evaluation.metrics.shipped:TRUE_POSITIVE_RATE",
        "false-positive-rate": "raytemplate.evaluation.metrics.shipped:FALSE_POSITIVE_RATE",
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
        "too-good": "raytemplate.governance.gates.too_good:TooGood",
    },
    SEARCHES: {
        "random": "raytemplate.tuning.searches:RANDOM",
        "grid": "raytemplate.tuning.searches:GRID",
        "tpe": "raytemplate.tuning.searches:TPE",
        "gp": "raytemplate.tuning.searches:GP",
        "cma-es": "raytemplate.tuning.searches:CMA_ES",
    },
}

_PLAIN = re.compile(r"[\w./:@%+-]+")
_MOST_TOLD = 30

_WORDS = {
    SOURCES: "format", FEATURES: "kind of feature", FAMILIES: "family",
    METRICS: "metric", GATES: "gate", SEARCHES: "search",
}  # fmt: skip

_PARTS: dict[str, tuple[str, ...]] = {
    SOURCES: ("kind", "endings", "list_source", "read_slice"),
    FEATURES: ("model_fields", "lists", "kind"),
    FAMILIES: ("name", "options", "uses", "loop", "predictor"),
    METRICS: ("id", "version", "higher_is_better", "tasks"),
    GATES: ("model_fields", "check"),
    SEARCHES: ("name", "sampler", "finite_only"),
}
"""Attributes that a plug-in of each group must have; the suites in `raytemplate.testing` test what it must do."""


class PluginError(UsageError):
    """A name that belongs to no plug-in or to several, or a plug-in that cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A plug-in of an installed package."""

    target: str
    """ "module:attribute"."""

    package: str
    """Name and version of the package."""


def suggest(name: str, names: tuple[str, ...]) -> str:
    """ "did you mean X?" if a name is close, else all names. Names that are not plain words are quoted."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {_told(near[0])}?"
    more = f" and {len(names) - _MOST_TOLD:,} more" if len(names) > _MOST_TOLD else ""
    return f"there is {', '.join(map(_told, names[:_MOST_TOLD]))}{more}"


def _told(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


def no_such(group: str, name: str) -> str:
    """The message that no plug-in has a name, with the nearest name, or all names and how to get more."""
    known = names(group)
    near = suggest(name, known)
    more = "" if near.endswith("?") else "; others come with packages that offer them (docs/plug-ins.md)"
    return f'no such {_WORDS[group]}: "{name}"; {near}{more}'


@cache
def _installed() -> dict[str, dict[str, tuple[Offer, ...]]]:
    """Group -> name -> the packages that offer it. The first call reads the metadata of every installed package."""
    from importlib.metadata import entry_points

    points = entry_points()
    found: dict[str, dict[str, tuple[Offer, ...]]] = {group: {} for group in _SHIPPED}
    for group, offers in found.items():
        for point in points.select(group=group):
            package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"
            offers[point.name] = (*offers.get(point.name, ()), Offer(target=point.value, package=package))
    return found


def packages() -> dict[str, str]:
    """Installed packages that offer plug-ins, with their versions."""
    offers = [offer for names in _installed().values() for offered in names.values() for offer in offered]
    return dict(sorted((name, version) for name, _, version in (offer.package.rpartition(" ") for offer in offers)))


def raised_in(error: BaseException) -> str | None:
    """Name and version of the plug-in package whose code raised an error; None if raytemplate raised it."""
    offers = [offer for names in _installed().values() for offered in names.values() for offer in offered]
    of_module = {offer.target.partition(":")[0].partition(".")[0]: offer.package for offer in offers}
    frames = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    modules = (name.partition(".")[0] for name in reversed(frames))
    nearest = next((name for name in modules if name == "raytemplate" or name in of_module), "")
    return of_module.get(nearest)


def bug(error: BaseException) -> Bug:
    """The report of an unexpected error: its trace, and whose bug it is."""
    return Bug("".join(format_exception(error)).rstrip(), raised_in(error) or "raytemplate")


def names(group: str) -> tuple[str, ...]:
    """All names of a group, sorted."""
    return tuple(sorted({*_SHIPPED[group], *_installed()[group]}))


def is_known(group: str, name: str) -> bool:
    """Whether a plug-in has this name; nothing is imported."""
    return name in _SHIPPED[group] or name in _installed()[group]


def module_of(group: str, name: str) -> str:
    """The module in which an installed package offers a plug-in; "" for a shipped one, or if there is none."""
    offers = () if name in _SHIPPED[group] else _installed()[group].get(name, ())
    return offers[0].target.partition(":")[0] if offers else ""


def load(group: str, name: str) -> Any:
    """The plug-in with this name; its module is imported now. No package can override a shipped name.

    Raises:
        PluginError: no such plug-in (names the nearest); several packages offer it; it cannot be imported or is not a
            plug-in (names its package).
    """
    if name in _SHIPPED[group]:
        return resolve(_SHIPPED[group][name])
    if name not in _installed()[group]:
        raise PluginError(no_such(group, name))
    offer, *others = _installed()[group][name]
    if others:
        several = " and ".join(sorted(one.package for one in (offer, *others)))
        raise PluginError(f'the {_WORDS[group]} "{name}" is offered by {several}; uninstall all but one of them')
    return _offered(group, name, offer, _PARTS[group])


def named_by(group: str, name: str, attribute: str, parts: tuple[str, ...]) -> Any:
    """The object that a plug-in names as "module:attribute" in one of its attributes, imported now.

    Args:
        attribute: the attribute that holds the name.
        parts: attributes that the object must have.

    Raises:
        PluginError: see `load`.
    """
    target = getattr(load(group, name), attribute)
    if name in _SHIPPED[group]:
        return resolve(target)
    return _offered(group, name, replace(_installed()[group][name][0], target=target), parts)


def every(group: str) -> dict[str, Any]:
    """All plug-ins of a group by name, imported, shipped ones first. Those that `load` would refuse are left out, since
    nobody asked for them."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys((*_SHIPPED[group], *names(group))):
        with suppress(PluginError):
            found[name] = load(group, name)
    return found


@cache
def _offered(group: str, name: str, offer: Offer, parts: tuple[str, ...]) -> Any:
    what = f'the {_WORDS[group]} "{name}" of {offer.package} ({offer.target})'
    try:
        plugin = resolve(offer.target)
    except Exception as error:  # a foreign module may raise anything when it is imported
        raise PluginError(f"{what} cannot be imported: {in_words(error)}") from error
    missing = [part for part in parts if not hasattr(plugin, part)]
    if missing:
        raise PluginError(f"{what} is not a {_WORDS[group]}: it has no {', '.join(missing)} (docs/plug-ins.md)")
    return plugin


def resolve(target: str) -> Any:
    """The object behind "module:attribute"."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
