"""Checks that depend on plug-ins: the settings of gates and of feature columns, the names of metrics."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from raytemplate import plugins
from raytemplate.data.features.options import FeatureOptions
from raytemplate.data.options import DataSpec, FeaturesSpec
from raytemplate.data.sources.naming import split_source
from raytemplate.evaluation.metrics.metric import range_of
from raytemplate.evaluation.options import EvaluationSpec
from raytemplate.governance.gates.limits import MetricLimits
from raytemplate.governance.gates.sliced import SliceLimits
from raytemplate.governance.gates.too_good import TooGood
from raytemplate.governance.options import GateOptions, GovernanceSpec
from raytemplate.options import Options
from raytemplate.spec.locate import Locations
from raytemplate.spec.names import unknown_names, without
from raytemplate.spec.wording import validate

FEATURE_FIELDS = ("datetime", "categorical", "numeric", "text", "crosses", "own")
_M = TypeVar("_M", bound=Options)


def checked(locations: Locations, model: type[_M], value: Any, path: str) -> _M | None:
    """`value` as an instance of `model`, with every problem noted.

    Wrong values are left out of the result, so that the checks between fields can continue; None if the rest is not
    valid either.
    """
    names = dict(unknown_names(model, cast("dict[str, Any]", value), path)) if isinstance(value, dict) else {}
    for location, message in names.items():
        locations.note(location, message)
    known = without(value, set(names), path)
    result = validate(model, known, path)
    if not isinstance(result, tuple):
        return result
    for fault in result:
        locations.note(fault.path, fault.message, item=fault.item, missing=fault.missing)
    wrong = {fault.path if fault.item is None else f"{fault.path}.{fault.item}" for fault in result}
    rest = validate(model, without(known, wrong, path), path)
    return None if isinstance(rest, tuple) else rest


def check_gates(locations: Locations, governance: GovernanceSpec) -> dict[str, GateOptions]:
    """Each valid gate's settings, in the order of the file; problems are noted."""
    gates: dict[str, GateOptions] = {}
    for name, settings in governance.gates.items():
        path = f"governance.gates.{name}"
        try:
            options = cast("type[GateOptions]", plugins.load(plugins.GATES, name))
        except plugins.PluginError as error:
            locations.note(path, str(error))
            continue
        if gate := checked(locations, options, dict(settings), path):
            gates[name] = gate
    return gates


def check_accepted(locations: Locations, features: FeaturesSpec, gates: Mapping[str, GateOptions]) -> None:
    """Notes columns that a gate accepts as explaining the target although no feature uses them."""
    if features.taken_from:
        return  # the columns of a feature set are not known before there is a workspace
    known = tuple(dict.fromkeys(column for one in features.listed() for column in one.inputs))
    for gate, options in gates.items():
        for column in options.accept if isinstance(options, TooGood) else ():
            if column not in known:
                path = f"governance.gates.{gate}.accept.{column}"
                locations.note(path, f"no feature uses it; {plugins.suggest(column, known)}")


def check_format(locations: Locations, data: DataSpec) -> None:
    """Notes a format that no source reads, or that is not that of the source, and a version of what keeps none."""
    if data.format != "auto" and not plugins.is_known(plugins.SOURCES, data.format):
        locations.note("data.format", plugins.no_such(plugins.SOURCES, data.format))
        return
    kind, _ = split_source(data.source)
    if kind and data.format not in ("auto", kind):
        locations.note(
            "data.format", f'got "{data.format}", but data.source is of the kind {kind}; leave data.format out'
        )
        return
    kind = kind or data.format
    keeps_versions = kind != "auto" and getattr(plugins.load(plugins.SOURCES, kind), "has_versions", False)
    if data.version and not keeps_versions:
        locations.note("data.version", "files have no versions; expected with a table such as data.source: delta:PATH")


def check_metrics(locations: Locations, evaluation: EvaluationSpec, gates: Mapping[str, GateOptions]) -> None:
    """Notes metrics that do not exist or are listed twice, and limits on metrics that are not computed."""
    for path, item, name in _metrics(evaluation):
        if not plugins.is_known(plugins.METRICS, name):
            locations.note(path, plugins.no_such(plugins.METRICS, name), item=item)
    computed = {evaluation.metric, *evaluation.also}
    for gate, options in gates.items() if locations.clean("evaluation") else ():
        for name in options.model_extra or {}:
            if plugins.is_known(plugins.METRICS, name) and name not in computed:
                locations.note(f"governance.gates.{gate}.{name}", f"not computed; add {name} to evaluation.also")
        for column in options.by if isinstance(options, SliceLimits) else ():
            if column not in evaluation.slices:
                locations.note(f"governance.gates.{gate}.by", f"not sliced; add {column} to evaluation.slices")
    for item, name in enumerate(evaluation.also):
        if name in evaluation.also[:item]:
            locations.note("evaluation.also", f'"{name}" is listed twice', item=item)


def _metrics(evaluation: EvaluationSpec) -> list[tuple[str, int | None, str]]:
    also = [("evaluation.also", item, name) for item, name in enumerate(evaluation.also)]
    return [("evaluation.metric", None, evaluation.metric), *also]


def check_limits(locations: Locations, evaluation: EvaluationSpec, gates: Mapping[str, GateOptions]) -> None:
    """Notes limits outside the metric's range, which would make a gate that never passes or never blocks."""
    for gate, options in gates.items():
        path = f"governance.gates.{gate}"
        if isinstance(options, MetricLimits):
            for name, bound in options.limits.items():
                _check_limit(locations, f"{path}.{name}", bound, options.possible(name), f"{name} can be{options.of}")
        gain = getattr(options, "min_gain", None)
        if isinstance(gain, float) and locations.clean("evaluation"):
            least, most = range_of(evaluation.metric)
            possible = (least - most, most - least)
            _check_limit(locations, f"{path}.min_gain", gain, possible, f"{evaluation.metric} can gain")


def _check_limit(locations: Locations, path: str, bound: float, possible: tuple[float, float], all_that: str) -> None:
    least, most = possible
    if least <= bound <= most:
        return
    expected = f"{least:g} to {most:g}"
    if math.isinf(least) or math.isinf(most):
        expected = f"{least:g} or more" if math.isinf(most) else f"at most {most:g}"
    locations.note(path, f"got {bound:g}, expected {expected}, which is all that {all_that}")


def check_columns(locations: Locations, features: FeaturesSpec) -> None:
    """Notes settings of columns that are not features, and settings that the column's kind of feature lacks."""
    if not all(locations.clean(f"features.{field}") for field in FEATURE_FIELDS):
        return
    listed = {one.name: one for one in features.listed()}
    for column, settings in features.columns.items():
        path = f"features.columns.{column}"
        if column not in listed:
            hint = plugins.suggest(column, tuple(listed)) if listed else "list it under numeric or categorical first"
            if features.taken_from:
                hint = f"features taken from {features.taken_from} keep their settings; {hint}"
            if dotted := next((name for name in listed if name.startswith(f"{column}.")), ""):
                hint = f'a name with dots goes in double quotes on a path: features.columns."{dotted}"'
            locations.note(path, f"no such feature; {hint}")
            continue
        one = listed[column]
        options = _options(
            locations, settings.get("kind", one.kind), one.kind if one.field == "own" else one.field, path
        )
        # Datetime parts are written in features.datetime; for the plug-in they are one of its settings.
        given = {"parts": list(features.datetime[column])} if one.field == "datetime" else {}
        if options:
            checked(locations, options, {**given, **{k: v for k, v in settings.items() if k != "kind"}}, path)


def _options(locations: Locations, kind: object, listed: str, path: str) -> type[FeatureOptions] | None:
    """The options of a kind of feature; None, with a problem noted, if the column's list does not allow the kind."""
    try:
        options = cast("type[FeatureOptions]", plugins.load(plugins.FEATURES, str(kind)))
    except plugins.PluginError as error:
        locations.note(f"{path}.kind", str(error))
        return None
    lists = getattr(options, "lists", FeatureOptions.lists)
    if listed not in lists:
        expected = " or ".join(f"features.{name}" for name in lists)
        locations.note(f"{path}.kind", f'"{kind}" is for columns in {expected}; this one is in features.{listed}')
        return None
    return options
