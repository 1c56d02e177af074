"""Whether the data has the columns a template names, of types it can use: every problem, at its place in the file."""

from __future__ import annotations

from collections.abc import Iterator

from raytemplate.data.conditions import is_condition, parse_condition, target_columns
from raytemplate.data.sources.listing import SourceTable
from raytemplate.errors import Problem, SpecError
from raytemplate.plugins import suggest
from raytemplate.spec.schema import TemplateSpec

_NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal", "bool")
_TIMES = ("timestamp", "date")
_TARGET = {"regression": "target", "binary": "class", "multiclass": "class"}
_LISTED = {
    "numeric": "number",
    "categorical": "category",
    "datetime": "time",
    "text": "text",
    "crosses": "category",
    "own": "any",
}
_TEXT = ("string", "large_string", "string_view", "dictionary")
_PROMISED = {
    "number": tuple(kind for kind in _NUMBERS if kind != "bool"),
    "integer": ("int", "uint", "float", "double", "halffloat"),  # whole floats: pandas writes them where one is missing
    "text": _TEXT,
    "boolean": ("bool",),
    "time": _TIMES,
}


def check_columns(spec: TemplateSpec, source: SourceTable) -> None:
    """Compare every column a template names with the schema of its source.

    Raises:
        SpecError: all columns that are missing or of a type that cannot be used as asked.
    """
    found = [(path, _trouble(column, kind, source)) for path, column, kind in _named(spec)]
    found.append(("data.positive", _no_positive(spec, source)))
    problems = tuple(Problem(where=spec.where(path), path=path, message=message) for path, message in found if message)
    if problems:
        raise SpecError(problems)


def _no_positive(spec: TemplateSpec, source: SourceTable) -> str:
    data = spec.data
    text = source.schema.get(data.target, "").startswith(_TEXT)
    if data.task != "binary" or data.positive or is_condition(data.target) or not text:
        return ""
    return f'missing; column "{data.target}" is text, expected the value that counts as yes'


def _named(spec: TemplateSpec) -> Iterator[tuple[str, str, str]]:
    """(path in the template, column, what it must be: "target", "class", "number", "time", ..., "any")."""
    if spec.data.time:
        yield "data.time", spec.data.time, "time"
    condition = is_condition(spec.data.target)
    for column in target_columns(spec.data.target):
        yield "data.target", column, "any" if condition else _TARGET[spec.data.task]
    for column in spec.data.keys:
        yield "data.keys", column, "any"
    if spec.data.drop:
        for column in parse_condition(spec.data.drop).columns:
            yield "data.drop", column, "any"
    for one in spec.features.listed():
        path = one.path if one.field in ("crosses", "own") else f"features.{one.field}"
        yield from ((path, column, _LISTED[one.field]) for column in one.inputs)
    for name, settings in spec.features.columns.items():
        for column in settings.get("fold_by", ()):
            yield f"features.columns.{name}.fold_by", column, "any"
    baseline = spec.evaluation.baseline
    for column in baseline.columns:
        yield f"evaluation.baseline.{baseline.rule}", column, "any"
    for column in spec.evaluation.slices:
        yield "evaluation.slices", column, "slice"
    for column, promised in spec.contract.columns.items():
        yield f"contract.columns.{column}", column, f"promised {promised.type}"


def _trouble(column: str, kind: str, source: SourceTable) -> str:
    if column not in source.schema:
        return f'no column "{column}" in the data; {suggest(column, tuple(source.schema))}'
    found = source.schema[column]
    if kind in ("number", "target") and not found.startswith(_NUMBERS):
        text = found.startswith(_TEXT)
        remedy = "list it under features.categorical" if kind == "number" else "set data.task for classes"
        advice = f"; {remedy}" if text else ""
        return f'column "{column}" is {found}, expected a number{advice}'
    if kind == "class" and not found.startswith((*_TEXT, "int", "uint", "bool", "float", "double", "halffloat")):
        return f'column "{column}" is {found}, expected text, a number or a boolean'
    if kind == "time" and not found.startswith(_TIMES):
        return f'column "{column}" is {found}, expected a timestamp or a date'
    if kind == "text" and not found.startswith(_TEXT):
        return f'column "{column}" is {found}, expected text'
    if kind == "category" and not found.startswith((*_TEXT, "int", "uint", "bool")):
        return f'column "{column}" is {found}, expected text, whole numbers or booleans'
    if kind == "slice" and not found.startswith((*_TEXT, *_NUMBERS, *_TIMES, "time")):
        return f'column "{column}" is {found}, expected text, a number, a boolean or a time'
    if kind.startswith("promised ") and not found.startswith(_PROMISED[kind.removeprefix("promised ")]):
        return f'column "{column}" is {found}, expected type {kind.removeprefix("promised ")}'
    return ""
