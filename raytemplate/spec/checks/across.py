"""Checks between fields: nothing predicts itself, no column is listed twice, conditions can be parsed."""

from fnmatch import fnmatchcase
from typing import Any, cast

from raytemplate.data.conditions import target_columns
from raytemplate.data.options import DataSpec, FeaturesSpec
from raytemplate.data.reserved import is_written
from raytemplate.evaluation.options import EvaluationSpec
from raytemplate.spec.layers import Level
from raytemplate.spec.locate import Locations
from raytemplate.spec.schema import ContractSpec


def check_features(locations: Locations, features: FeaturesSpec) -> None:
    """Notes targets among the features, forbidden columns, columns listed twice, and a lack of features."""
    seen: dict[str, str] = {}
    targets = _targets(locations)
    whole = locations.clean("features")
    for one in features.listed():
        for column in one.inputs:
            if column in targets:
                location = "data.target" if _text(locations, "target") == column else "in data.target"
                message = f'"{column}" is {location}; what is predicted cannot be a feature'
                locations.note(one.path, message, item=one.item)
            for pattern in features.forbidden:
                if fnmatchcase(column, pattern):
                    locations.note(one.path, f'"{column}" matches "{pattern}" in features.forbidden', item=one.item)
        if one.name in seen:
            message = f'"{one.name}" is already in {seen[one.name]}; a column is one feature'
            locations.note(one.path, message, item=one.item)
        seen.setdefault(one.name, f"features.{one.field}")
    if not seen and whole and not features.taken_from:
        locations.note("features", "no features; expected columns in numeric, categorical or datetime", missing=True)


def _targets(locations: Locations) -> tuple[str, ...]:
    """The columns that the target is made from; empty if the target cannot be parsed."""
    target = _text(locations, "target")
    try:
        return target_columns(target) if target else ()
    except ValueError:
        return ()


def _text(locations: Locations, field: str) -> str | None:
    """A text field of `data`, even if other fields of it are wrong."""
    data = locations.value.get("data")
    text = cast("dict[str, Any]", data).get(field) if isinstance(data, dict) else None
    return text if isinstance(text, str) else None


def check_target_means(locations: Locations, data: DataSpec | None, features: FeaturesSpec) -> None:
    """Notes features that need the mean of a target with more than two classes."""
    for column, settings in features.columns.items():
        if data and data.task == "multiclass" and settings.get("kind") == "target-mean":
            message = "there is no mean of more than two classes; expected data.task regression or binary"
            locations.note(f"features.columns.{column}.kind", message)


def check_split(locations: Locations, data: DataSpec | None, evaluation: EvaluationSpec | None) -> None:
    """Notes data that is split neither by time nor by hash, or by both."""
    written = locations.value.get("data") or {}
    if isinstance(written, dict) and not written.get("time") and written.get("split") is None:
        message = "missing; expected the column with the time of a row, or data.split for data without one"
        locations.note("data.time", message, missing=True)
    if data is None or data.split is None:
        return
    if data.time:
        locations.note("data.split", "is for data without data.time; windows of time are the stricter test")
    elif _set_here(locations, "data.windows"):
        locations.note("data.windows", "need data.time, which is not set; data.split replaces them")
    if data.keys and data.split.ignore:
        locations.note("data.split.ignore", "has no effect with data.keys, by which rows are split")
    if evaluation and _set_here(locations, "evaluation.resample") and evaluation.resample in ("day", "hour", "week"):
        message = f'got "{evaluation.resample}", but there is no data.time; expected row or {{group: COLUMN}}'
        locations.note("evaluation.resample", message)


def _set_here(locations: Locations, path: str) -> bool:
    """Whether the template itself, or a layer above it, sets a value; a parent may be written for other data."""
    owner = locations.owner(path)
    return path in locations.owners and owner.level >= Level.FILE and not owner.inherited


def check_keys(locations: Locations, data: DataSpec) -> None:
    """Notes keys listed twice, and keys with the name of a column that `predict` writes."""
    for item, column in enumerate(data.keys):
        if column in data.keys[:item]:
            locations.note("data.keys", f'"{column}" is listed twice', item=item)
        if is_written(column, data.task):
            message = f'"{column}" is a column that predict writes itself; rename it in the data, or name other keys'
            locations.note("data.keys", message, item=item)


def check_metadata(locations: Locations, contract: ContractSpec | None) -> None:
    """Notes keys of `metadata` that the contract requires and no layer sets."""
    written = locations.value.get("metadata") or {}
    for key in contract.metadata if contract and isinstance(written, dict) else ():
        if cast("dict[str, Any]", written).get(key) in (None, "", []):
            asked = locations.owner("contract.metadata").name
            locations.note(f"metadata.{key}", f"missing; contract.metadata in {asked} asks for it", missing=True)


def check_condition(locations: Locations, data: DataSpec | None) -> None:
    """Notes a condition that cannot be parsed, or that no row can satisfy."""
    drop = _text(locations, "drop")
    if not drop:
        return
    from raytemplate.data.conditions import condition_problem  # importing sqlglot takes a tenth of a second

    if problem := condition_problem(drop, data.csv.missing if data else ()):
        locations.note("data.drop", problem)


def check_rules(locations: Locations, contract: ContractSpec | None, data: DataSpec | None) -> None:
    """Notes conditions on rows that cannot be parsed or are listed twice."""
    from raytemplate.data.conditions import condition_problem

    rules = contract.rows if contract else ()
    for item, one in enumerate(rules):
        if problem := condition_problem(one.rule, data.csv.missing if data else ()):
            locations.note("contract.rows", problem, item=item)
        elif one.rule in [other.rule for other in rules[:item]]:
            locations.note("contract.rows", f'"{one.rule}" is listed twice', item=item)
    key = contract.unique.rule if contract and contract.unique else ()
    for item, column in enumerate(key):
        if column in key[:item]:
            locations.note("contract.unique", f'"{column}" is listed twice', item=item)


def check_baseline(locations: Locations, evaluation: EvaluationSpec) -> None:
    """Notes a baseline that groups by the target."""
    targets, baseline = _targets(locations), evaluation.baseline
    for item, column in enumerate(baseline.columns):
        if column in targets:
            message = f'"{column}" is data.target; a baseline cannot group by what is predicted'
            locations.note(f"evaluation.baseline.{baseline.rule}", message, item=item)
