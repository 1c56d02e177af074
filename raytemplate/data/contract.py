"""Checks rows against `contract.columns`: which promises are broken, how often, and where first."""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.contract_options import ColumnContract
from raytemplate.data.exact import above, below, equals
from raytemplate.data.missing import is_missing
from raytemplate.data.sources.text.rules import NOT_SHOWN
from raytemplate.data.statistics import plain
from raytemplate.errors import DataError
from raytemplate.units import parse_moment

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One broken promise."""

    column: str
    """The column that breaks it."""

    promise: str
    """The promise as the template writes it, such as "min: 0"."""

    num_rows: int
    """Rows that break it."""

    location: str
    """The file of the first row that breaks it."""

    value: str
    """The value in that row; of a masked column only that it is not shown."""


def check_rows(
    table: pa.Table, contract: Mapping[str, Any], location: str, masked: Collection[str] = ()
) -> tuple[Breach, ...]:
    """Every promise that a row of `table` breaks.

    Args:
        contract: column -> settings of a `ColumnContract`.
        masked: columns whose values are not shown.
    """
    found: list[Breach] = []
    for name, settings in contract.items():
        column = plain(table.column(name))
        for promise, broken in _broken(column, ColumnContract.model_validate(settings)):
            count = int(pc.sum(broken).as_py() or 0)
            if count:
                first = column[pc.index(broken, True).as_py()].as_py()
                value = NOT_SHOWN if name in masked and _shown(first) != _MISSING else _shown(first)
                found.append(Breach(column=name, promise=promise, num_rows=count, location=location, value=value))
    return tuple(found)


def refuse_breaches(breaches: Iterable[Breach], num_rows: int) -> None:
    """Raises if any promise was broken.

    Raises:
        DataError: each broken promise with its number of rows, its first file and its first value.
    """
    merged: dict[tuple[str, str], Breach] = {}
    for one in breaches:
        key = (one.column, one.promise)
        known = merged.get(key)
        merged[key] = replace(known, num_rows=known.num_rows + one.num_rows) if known else one
    if merged:
        raise DataError(
            "\n".join(_told(merged[key], num_rows) for key in sorted(merged)),
            next_step="correct the data, leave such rows out with data.drop, or change contract.columns",
        )


def _told(breach: Breach, num_rows: int) -> str:
    first = f"the first{f' in {breach.location}' if breach.location else ''}: {breach.value}"
    return (
        f'contract.columns.{breach.column}: {breach.num_rows:,} of {num_rows:,} rows break "{breach.promise}"; {first}'
    )


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
