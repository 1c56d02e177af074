"""The features of a template as steps, and those of a trial that draws some of their settings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from raytemplate.data.features.inputs import reads
from raytemplate.data.features.options import options_of, settings_of
from raytemplate.planning.stages import FeatureStep, IngestStage
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import TemplateSpec
from raytemplate.tuning.draws import parse_draw
from raytemplate.tuning.space import COLUMNS, conditions, drawn_settings


def feature_steps(spec: TemplateSpec) -> tuple[FeatureStep, ...]:
    """The features of a template in the order numeric, categorical, datetime, text, crosses, each with its settings."""
    steps: list[FeatureStep] = []
    for one in spec.features.listed():
        given = {"parts": list(spec.features.datetime[one.name])} if one.field == "datetime" else {}
        settings = {**given, **spec.features.columns.get(one.name, {})}
        kind = str(settings.pop("kind", one.kind))
        build = spec.features.own.build if one.field == "own" and spec.features.own else ""
        inputs = one.inputs if build or one.inputs != (one.name,) else ()
        steps.append(FeatureStep(kind=kind, column=one.name, settings=Settings(settings), inputs=inputs, build=build))
    return _with_folds(steps, spec.data.time, spec.data.keys)


def drawn_steps(ingest: IngestStage, values: Mapping[str, Any]) -> tuple[FeatureStep, ...]:
    """The features of a trial: those of the stage with the settings that the trial drew.

    Values that change no feature give steps equal to those of the stage.
    """
    return _drawn(ingest.features, values, ingest.time, ingest.keys)


def searches_features(spec: TemplateSpec) -> bool:
    """Whether trials may differ in their features."""
    return any(name.startswith(COLUMNS) for name in spec.tuning.space)


def every_searched(spec: TemplateSpec, features: tuple[FeatureStep, ...]) -> tuple[FeatureStep, ...]:
    """The steps of a template and those made by the extremes of its draws, so that the most demanding is included."""
    space, found = spec.tuning.space, dict.fromkeys(features)
    for name in space:
        for value in parse_draw(space[name].draw).tried() if name.startswith(COLUMNS) else ():
            values = {**conditions(space, name), name: value}
            found |= dict.fromkeys(_drawn(features, values, spec.data.time, spec.data.keys))
    return tuple(found)


def num_feature_sets(spec: TemplateSpec) -> float:
    """How many different sets of features trials can have; infinite if a draw has infinitely many values."""
    counts = (parse_draw(one.draw).count for name, one in spec.tuning.space.items() if name.startswith(COLUMNS))
    return math.prod(counts)


def _drawn(
    steps: tuple[FeatureStep, ...], values: Mapping[str, Any], time: str, keys: tuple[str, ...]
) -> tuple[FeatureStep, ...]:
    """The steps with the settings that were drawn."""
    by_column = drawn_settings(values)
    return _with_folds([_with(step, by_column.get(step.column, {})) for step in steps], time, keys)


def _with(step: FeatureStep, drawn: dict[str, Any]) -> FeatureStep:
    kind, settings = str(drawn.pop("kind", step.kind)), dict(step.settings)
    if kind != step.kind:
        settings = settings_of(kind, settings)
    settings |= {name: value for name, value in drawn.items() if name in settings or value != _default(kind, name)}
    return replace(step, kind=kind, settings=Settings(settings))


def _default(kind: str, name: str) -> Any:
    """The default of a setting: drawing it changes nothing."""
    return options_of(kind).model_fields[name].default


def _with_folds(steps: Sequence[FeatureStep], time: str, keys: tuple[str, ...]) -> tuple[FeatureStep, ...]:
    """The steps, with the columns that assign rows to folds added to every mean of the target."""
    columns = (column for one in steps for column in reads(one))
    by = keys or tuple(dict.fromkeys([*([time] if time else []), *columns]))
    return tuple(
        replace(step, settings=Settings({**step.settings, "fold_by": list(by)}))
        if step.kind == "target-mean" and not step.settings.get("fold_by")
        else step
        for step in steps
    )
