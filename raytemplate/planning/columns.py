"""Checks that the data has the columns a template names, with usable types: every problem, with its location."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from raytemplate.data.condition_text import in_condition, quoted
from raytemplate.data.condition_types import kind_of, plain_type, type_problems
from raytemplate.data.conditions import is_condition, parse_condition, target_columns
from raytemplate.data.contract import regex_problem
from raytemplate.data.mask_options import DROP, HASH
from raytemplate.data.masking import fault, masked_schema
from raytemplate.data.reserved import INTERNAL, is_internal
from raytemplate.errors import Problem, SpecError
from raytemplate.evaluation.options import GroupSpec
from raytemplate.plugins import suggest
from raytemplate.spec.schema import TemplateSpec

_NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal", "bool")
_TIMES = ("timestamp", "date32")
_TARGET = {"regression": "target", "binary": "class", "multiclass": "class"}
_LISTED = {
    "numeric": "number",
    "categorical": "category",
    "datetime": "time",
    "text": "text",
    "crosses": "category",
    "own": "any",
}
_TEXT = ("string", "large_string", "string_view")
_PROMISED = {
    "number": tuple(kind for kind in _NUMBERS if kind != "bool"),
    "integer": (
        "int",
        "uint",
        "decimal",
        "float",
        "double",
        "halffloat",
    ),  # whole floats too: pandas makes them of integers when one is missing
    "text": _TEXT,
    "boolean": ("bool",),
    "time": (*_TIMES, "date64"),
}
_HASHED = (*_TEXT, *_NUMBERS, "timestamp", "date", "null", "binary", "large_binary", "fixed_size_binary")


def check_columns(
    spec: TemplateSpec,
    schema: Mapping[str, str],
    by_path: Collection[str] = (),
    padded: Collection[str] = (),
    renamed: Mapping[str, str] | None = None,
    also: tuple[Problem, ...] = (),
) -> None:
    """Compare every column and condition of a template with the schema of its source.

    Args:
        by_path, padded: see `SourceTable`.
        renamed: column that is gone since the champion was trained -> the new one that it has probably become.
        also: further problems to raise with them.

    Raises:
        SpecError: lists every column that is missing or has an unsuitable type.
    """
    if problems := (*column_problems(spec, schema, by_path, padded), *also):
        raise SpecError(tuple(_with_new_name(one, renamed or {}) for one in problems))


def _with_new_name(problem: Problem, renamed: Mapping[str, str]) -> Problem:
    """The problem with a column that is gone, with the name that it probably has now."""
    for gone, new in renamed.items():
        if problem.message.startswith(_nothing_named(gone)):
            says = f'{_nothing_named(gone)}, but the champion had it; "{new}" is new and of the same type: '
            return replace(problem, message=f"{says}renamed? Write {new}, or rename it back")
    return problem


def column_problems(
    spec: TemplateSpec, schema: Mapping[str, str], by_path: Collection[str] = (), padded: Collection[str] = ()
) -> tuple[Problem, ...]:
    """The problems that `check_columns` raises.

    Args:
        schema: column -> Arrow type as text; "" for an unknown type, which suits every use.
        by_path: columns that come from the paths of files.
        padded: see `SourceTable`.
    """
    found = list(_masks(spec, schema, by_path, padded))
    unmasked, mask = dict(schema), spec.data.mask
    after = {name: f"{kind} after data.mask" for name, kind in masked_schema(schema, mask).items() if name in mask}
    masked = {**schema, **{name: kind if schema[name] else "" for name, kind in after.items()}}
    for path, column, kind in _named(spec):
        if mask.get(column) == DROP and path != "data.split.ignore":
            found.append((path, _dropped(column)))
        else:
            found.append((path, _trouble(column, kind, unmasked if path.startswith(_UNMASKED) else masked)))
            found.append((path, _two_codes(column) if column in padded and kind in _CODES else ""))
    found += [("data.positive", _positive(spec, schema))]
    found += [(path, message) for path, text in _conditions(spec) for message in _asked(text, schema)]
    for path, text in _conditions(spec):
        gone = (name for name in parse_condition(text).columns if mask.get(name) == DROP and path != "data.target")
        found += [(path, _dropped(name)) for name in gone]
    found += [(f"contract.columns.{name}.regex", _regex(one.regex)) for name, one in spec.contract.columns.items()]
    return tuple(
        dict.fromkeys(Problem(where=spec.where(path), path=path, message=message) for path, message in found if message)
    )


_UNMASKED = ("data.", "contract.")
"""Beginnings of the paths of fields that see values as they are in the data."""


def _masks(
    spec: TemplateSpec, schema: Mapping[str, str], by_path: Collection[str], padded: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(path, problem) of the masked columns themselves."""
    for column, rule in spec.data.mask.items():
        path = f"data.mask.{column}"
        if column in by_path:
            yield path, f'"{column}" comes from the names of folders, which plans and records show; rename the folders'
        elif column in padded and rule == HASH:
            yield path, _two_codes(column)
        else:
            yield path, fault(column, schema[column], rule) if column in schema else no_column(column, schema)


def _two_codes(column: str) -> str:
    return (
        f'column "{column}" has whole numbers with and without leading zeros, so that codes such as 007 and 7 would be '
        f"one; expected contract.columns.{column}: {{type: text}} for codes, or {{type: integer}} for numbers"
    )


def _dropped(column: str) -> str:
    return f'data.mask drops "{column}", so nothing may use it; expected another column, or another mask'


def can_be_hashed(kind: str) -> bool:
    """Whether rows can be split by the hash of a column of this Arrow type."""
    return plain_type(kind).startswith(_HASHED)


def hashed_as(kind: str) -> str:
    """How a column of this Arrow type is hashed: as "number", "text" or "time"; "" if it has no values."""
    found = kind_of(kind)
    return {"boolean": "number", "other": "text", "any": ""}.get(found, found)


def _conditions(spec: TemplateSpec) -> Iterator[tuple[str, str]]:
    """(path in the template, condition)."""
    if is_condition(spec.data.target):
        yield "data.target", spec.data.target
    if spec.data.drop:
        yield "data.drop", spec.data.drop
    for one in spec.contract.rows:
        yield "contract.rows", one.rule


def _regex(regex: str | None) -> str:
    """Why Arrow's regular expressions (RE2) refuse one; "" if they accept it."""
    if regex is None:
        return ""
    if problem := regex_problem(regex):
        return f"{problem}; expected RE2 syntax, which has no look-around and no back-references"
    return ""


def _asked(text: str, schema: Mapping[str, str]) -> Iterator[str]:
    """The problems of one condition."""
    for column in parse_condition(text).columns:
        if column not in schema:
            yield no_column(column, schema) + _how_to_quote(column, text, schema)
        elif is_internal(column):
            yield _ours(column)
    yield from type_problems(text, {name: kind for name, kind in schema.items() if kind})


def _how_to_quote(column: str, text: str, schema: Mapping[str, str]) -> str:
    """Advice on quoting, if that may be why the condition names an unknown column; "" otherwise."""
    if quoted(column) in text:
        return f"; text goes in single quotes: '{column}'"
    names = (name for name in schema if name and name in text and column in name and in_condition(name) != name)
    near = next(names, "")
    return f"; a name that is not a plain word goes in double quotes: {quoted(near)}" if near else ""


def _positive(spec: TemplateSpec, schema: Mapping[str, str]) -> str:
    """The problem with the value that counts as yes; "" if it is fine."""
    data = spec.data
    kind = kind_of(schema.get(target_columns(data.target)[0], "null")) if not is_condition(data.target) else "any"
    if data.task != "binary" or kind == "any":
        return ""
    if not data.positive:
        message = f'missing; column "{target_columns(data.target)[0]}" is text, expected the value that counts as yes'
        return message if kind == "text" else ""
    if kind == "boolean" and data.positive not in ("true", "false"):
        return f'got "{data.positive}", expected true or false: {_is(data.target, schema)}'
    if kind == "number" and not _is_number(data.positive):
        return f'got "{data.positive}", expected a number: {_is(data.target, schema)}'
    return ""


def _is(target: str, schema: Mapping[str, str]) -> str:
    column = target_columns(target)[0]
    return f'column "{column}" is {schema[column]}'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _named(spec: TemplateSpec) -> Iterator[tuple[str, str, str]]:
    """(path in the template, column, what it must be: "target", "class", "number", "time", ..., "any")."""
    data = spec.data
    if data.time:
        yield "data.time", data.time, "time"
    if not is_condition(data.target):
        yield "data.target", target_columns(data.target)[0], _TARGET[data.task]
    hashed = data.split is not None
    for column in data.keys:
        yield "data.keys", column, "hashed" if hashed else "any"
    for column in data.split.ignore if data.split else ():
        yield "data.split.ignore", column, "any"
    for one in spec.features.listed():
        path = one.path if one.field in ("crosses", "own") else f"features.{one.field}"
        yield from ((path, column, _LISTED[one.field]) for column in one.inputs)
    for name, settings in spec.features.columns.items():
        for column in settings.get("fold_by", ()):
            yield f"features.columns.{name}.fold_by", column, "hashed"
    baseline = spec.evaluation.baseline
    for column in baseline.columns:
        yield f"evaluation.baseline.{baseline.rule}", column, "slice"
    for column in spec.evaluation.slices:
        yield "evaluation.slices", column, "slice"
    if isinstance(spec.evaluation.resample, GroupSpec):
        yield "evaluation.resample.group", spec.evaluation.resample.group, "hashed"
    for column, promised in spec.contract.columns.items():
        yield f"contract.columns.{column}", column, f"promised {promised.type}"
    for column in spec.contract.unique.rule if spec.contract.unique else ():
        yield "contract.unique", column, "hashed"


_CODES = ("category", "slice", "hashed", "class")
"""Uses of a column in which 007 and 7 may be two codes."""
_EXPECTED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "number": (_NUMBERS, "a number"),
    "target": (_NUMBERS, "a number"),
    "class": ((*_TEXT, "int", "uint", "bool", "float", "double", "halffloat"), "text, a number or a boolean"),
    "time": (_TIMES, "a timestamp or a date"),
    "text": (_TEXT, "text"),
    "category": ((*_TEXT, "int", "uint", "bool"), "text, whole numbers or booleans"),
    "slice": ((*_TEXT, *_NUMBERS, *_TIMES, "time"), "text, a number, a boolean or a time"),
    "hashed": (_HASHED, "text, a number, a boolean or a time"),
    **{f"promised {name}": (types, f"type {name}") for name, types in _PROMISED.items()},
}
"""What a column must be -> prefixes of the Arrow types that qualify, and their name in messages."""

_OF_TEXT = {
    "number": "list it under features.categorical",
    "target": "set data.task for classes",
    "time": "in CSV, data.csv.dates says how dates are written",
}
"""What a column must be -> what to do if it is text instead."""


def _trouble(column: str, kind: str, schema: Mapping[str, str]) -> str:
    if column not in schema:
        return no_column(column, schema)
    if is_internal(column):
        return _ours(column)
    found, (types, expected) = schema[column], _EXPECTED.get(kind, ((), ""))
    plain = plain_type(found)
    is_whole = plain.startswith("decimal") and plain.endswith(", 0)")
    if not found or not types or plain.startswith(types) or (is_whole and "int" in types):
        return ""
    advice = f"; {_OF_TEXT[kind]}" if kind in _OF_TEXT and kind_of(found) == "text" else ""
    return f'column "{column}" is {found}, expected {expected}{advice}'


def no_column(column: str, schema: Mapping[str, str]) -> str:
    """The problem that the data lacks a column, with the nearest name that it has."""
    return f"{_nothing_named(column)}; {suggest(column, tuple(schema))}"


def _nothing_named(column: str) -> str:
    return f'no column "{column}" in the data'


def _ours(column: str) -> str:
    return f'"{column}" begins with {INTERNAL}, which is reserved for internal columns; rename it in the data'
