"""Checks rows against the contract: which promises are broken, how often, and where first."""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.condition_lowering import naming_overflow
from raytemplate.data.conditions import parse_condition
from raytemplate.data.contract_options import ColumnContract, OnBreach
from raytemplate.data.exact import above, below, equals
from raytemplate.data.missing import is_missing
from raytemplate.data.promises import Promises
from raytemplate.data.reserved import INTERNAL
from raytemplate.data.sources.text.rules import NOT_SHOWN
from raytemplate.data.statistics import plain
from raytemplate.errors import DataError
from raytemplate.units import parse_moment

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_MISSING = "missing"
_COLUMNS = "contract.columns."
_ROW = f"{INTERNAL}row"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One broken promise."""

    path: str
    """The field of the template, such as `contract.rows`."""

    promise: str
    """The promise as the template writes it, such as "min: 0"."""

    num_rows: int
    """Rows that break it."""

    location: str
    """The file of the first row that breaks it."""

    value: str
    """The value in that row; of a masked column only that it is not shown. For a condition, all its columns."""

    num_checked: int = 0
    """Rows examined; counted only if `most` is given."""

    most: float | None = None
    """Share of the rows that may break the promise; None if no row may."""

    on_breach: OnBreach = "fail"
    """`fail` or, if it only tells, `warn`."""

    row: int = 0
    """The number of that row in its file, from 1; 0 if unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A promise, and which rows break it."""

    path: str
    """The field of the template."""

    promise: str
    """The promise as the template writes it."""

    on_breach: OnBreach
    """What happens to such rows."""

    rows: Any
    """Booleans [rows], true where it is broken."""

    columns: tuple[str, ...]
    """Columns that it is about."""


def broken_columns(table: pa.Table, contract: Mapping[str, Any]) -> Iterator[Broken]:
    """Each promise of a column, with the rows that break it.

    Args:
        contract: column -> settings of a `ColumnContract`.
    """
    for name, settings in contract.items():
        rule = ColumnContract.model_validate(settings)
        for promise, rows in _broken(plain(table.column(name)), rule):
            yield Broken(path=_path(name), promise=promise, on_breach=rule.on_breach, rows=rows, columns=(name,))


def broken_conditions(table: pa.Table, promises: Promises) -> Iterator[Broken]:
    """Each condition on rows, with the rows in which it is false."""
    for one in promises.rows:
        condition = parse_condition(one.rule)
        read: Any = table.select(list(condition.columns))
        with naming_overflow("contract.rows", one.rule):
            found = matching(read, ~condition.expression(read.schema, nulls=True))
        yield Broken(
            path="contract.rows",
            promise=one.rule,
            on_breach=one.on_breach,
            rows=pa.chunked_array([pa.array(found)]),
            columns=condition.columns,
        )


def breach_of(
    table: pa.Table,
    broken: Broken,
    location: str,
    masked: Collection[str],
    number: Callable[[int], int],
) -> Breach | None:
    """What the rows that break a promise come to; None if no row does.

    Args:
        masked: columns whose values are not shown.
        number: gives the number in its file of the row with that index in the table; called only if a row breaks it.
    """
    count = int(pc.sum(broken.rows).as_py() or 0)
    if not count:
        return None
    at = pc.index(broken.rows, True).as_py()
    texts = [value_text(plain(table.column(name))[at].as_py(), hide=name in masked) for name in broken.columns]
    named = [f"{name} {text}" for name, text in zip(broken.columns, texts, strict=True)]
    return Breach(
        path=broken.path,
        promise=broken.promise,
        num_rows=count,
        location=location,
        value=texts[0] if broken.path.startswith(_COLUMNS) else ", ".join(named),
        row=number(at),
    )


def missing_breaches(table: pa.Table, contract: Mapping[str, Any]) -> tuple[Breach, ...]:
    """How many values are missing in each column that promises a share, even if there are none.

    Args:
        contract: column -> settings of a `ColumnContract`.
    """
    rules = {name: ColumnContract.model_validate(settings) for name, settings in contract.items()}
    return tuple(
        Breach(
            path=_path(name),
            promise=f"max_missing: {100 * rule.max_missing:g} %",
            num_rows=int(pc.sum(is_missing(plain(table.column(name)))).as_py() or 0),
            location="",
            value=_MISSING,
            num_checked=table.num_rows,
            most=rule.max_missing,
            on_breach="warn" if rule.on_breach == "warn" else "fail",
        )
        for name, rule in rules.items()
        if rule.max_missing is not None
    )


def value_text(value: Any, *, hide: bool = False) -> str:
    """A value in a message; of one to hide only whether it is missing."""
    text = _shown(value)
    return NOT_SHOWN if hide and text != _MISSING else text


def matching(table: pa.Table, condition: Any) -> NDArray[np.bool_]:
    """True for the rows in which an Arrow expression is true, bool [rows]."""
    numbered = table.append_column(_ROW, pa.array(np.arange(table.num_rows)))
    kept: Any = numbered.filter(condition)
    found = np.zeros(table.num_rows, bool)
    found[kept.column(_ROW).to_numpy()] = True
    return found


def merged(breaches: Iterable[Breach]) -> tuple[Breach, ...]:
    """One breach for each promise that is broken, sorted: counts added up, the first file, row and value kept, in
    whatever order they come."""
    found: dict[tuple[str, str], Breach] = {}
    for one in breaches:
        known = found.get((one.path, one.promise))
        found[one.path, one.promise] = _added(known, one) if known else one
    return tuple(found[key] for key in sorted(found) if _is_broken(found[key]))


def _added(one: Breach, other: Breach) -> Breach:
    first = min(one, other, key=lambda each: (each.num_rows == 0, each.location, each.row))
    return replace(first, num_rows=one.num_rows + other.num_rows, num_checked=one.num_checked + other.num_checked)


def _is_broken(one: Breach) -> bool:
    return one.num_rows > 0 if one.most is None else one.num_rows > one.most * one.num_checked


def refuse_breaches(breaches: Iterable[Breach], num_rows: int) -> None:
    """Raises if any promise was broken that ends the run.

    Raises:
        DataError: each broken promise with its number of rows, and the file, number and value of the first of them.
    """
    found = [one for one in merged(breaches) if one.on_breach == "fail"]
    if found:
        fields = dict.fromkeys(".".join(one.path.split(".")[:2]) for one in found)
        raise DataError(
            "\n".join(told(one, num_rows) for one in found),
            next_step=f"correct the data, leave such rows out with data.drop, or change {' and '.join(fields)}",
        )


def told(breach: Breach, num_rows: int) -> str:
    """A broken promise in one line."""
    path = breach.path
    if breach.most is not None:
        return f'{path}: missing in {breach.num_rows:,} of {breach.num_checked:,} rows, which breaks "{breach.promise}"'
    row = f", row {breach.row:,}" if breach.row else ""
    first = f"the first{f' in {breach.location}{row}' if breach.location else ''}: {breach.value}"
    return f'{path}: {breach.num_rows:,} of {num_rows:,} rows break "{breach.promise}"; {first}'


def _path(column: str) -> str:
    return f"{_COLUMNS}{column}"


def _broken(column: Any, rule: ColumnContract) -> Iterator[tuple[str, Any]]:
    """(promise in words, booleans [rows] that are true where it is broken)."""
    missing = is_missing(column)
    if not rule.nullable:
        yield "nullable: false", missing
    there = pc.invert(missing)
    if rule.type == "integer" and (pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        yield "type: integer", pc.and_(there, pc.fill_null(pc.not_equal(column, pc.floor(column)), False))
    for name, limit, outside in (("min", rule.min, _below), ("max", rule.max, _above)):
        if limit is not None:
            beyond = outside(_comparable(column), limit)
            yield f"{name}: {limit:g}" if isinstance(limit, float) else f"{name}: {limit}", _and(there, beyond)
    if rule.values is not None:
        allowed = functools.reduce(pc.or_, (_equals(_comparable(column), v) for v in rule.values))
        shown = ", ".join(_shown(value) for value in rule.values)
        yield f"values: [{shown}]", _and(there, pc.invert(allowed))
    if rule.regex is not None:
        texts = pc.cast(column, pa.string(), safe=False)
        matched = pc.fill_null(pc.match_substring_regex(texts, pattern=whole_regex(rule.regex)), False)
        yield f"regex: {rule.regex}", _and(there, pc.invert(matched))


def regex_problem(regex: str) -> str:
    """Why Arrow's regular expressions refuse one; "" if they accept it."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern=whole_regex(regex))
    except pa.ArrowInvalid as error:
        return str(error).splitlines()[0]
    return ""


def whole_regex(regex: str) -> str:
    """The regular expression that matches only whole texts."""
    return rf"\A(?:{regex})\z"


def _and(there: Any, broken: Any) -> Any:
    return pc.and_(there, pc.fill_null(broken, False))


def _comparable(column: Any) -> Any:
    """Times in UTC microseconds, so that a limit can be compared with every type of time; numbers as they are."""
    kind = column.type
    if pa.types.is_temporal(kind):
        zone = "UTC" if getattr(kind, "tz", None) else None
        return pc.cast(pc.cast(column, pa.timestamp("us", zone), safe=False), pa.timestamp("us"), safe=False)
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_null(kind):
        return column
    return column if _is_number(kind) else pc.cast(column, pa.string(), safe=False)


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _below(column: Any, limit: Any) -> Any:
    return below(column, limit) if _is_number(column.type) else pc.less(column, _scalar(column, limit))


def _above(column: Any, limit: Any) -> Any:
    return above(column, limit) if _is_number(column.type) else pc.greater(column, _scalar(column, limit))


def _equals(column: Any, value: Any) -> Any:
    return equals(column, value) if _is_number(column.type) else pc.equal(column, _scalar(column, value))


def _scalar(column: Any, value: Any) -> Any:
    if pa.types.is_temporal(column.type):
        return pa.scalar(parse_moment(str(value)).replace(tzinfo=None), pa.timestamp("us"))
    return pa.scalar(value if isinstance(value, str | bool) else float(value))


def _shown(value: Any) -> str:
    return _MISSING if value is None or value != value or not str(value).strip() else str(value)
