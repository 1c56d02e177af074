"""Exact comparison of a column of numbers of any type with a number in a template, where a float would round; and
numbers as text."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_WIDE, _PLACES = 76, 20
_LARGEST_INT = 2.0**63
_CONTEXT = Context(prec=400)
_MOST = Decimal(10 ** (_WIDE - _PLACES) - 1)


def below(column: Any, limit: float) -> Any:
    """True where numbers [rows] are less than the limit; null where they are missing."""
    if _is_rounded(column.type):
        nearest = float(limit)
        return pc.less_equal(column, nearest) if nearest < limit else pc.less(column, nearest)
    return pc.less(_wide(column), _scalar(limit, ROUND_CEILING))


def above(column: Any, limit: float) -> Any:
    """True where numbers [rows] are greater than the limit; null where they are missing."""
    if _is_rounded(column.type):
        nearest = float(limit)
        return pc.greater_equal(column, nearest) if nearest > limit else pc.greater(column, nearest)
    return pc.greater(_wide(column), _scalar(limit, ROUND_FLOOR))


def equals(column: Any, value: float) -> Any:
    """True where numbers [rows] equal the value; null where they are missing."""
    if _is_rounded(column.type) and float(value) == value:
        return pc.equal(column, float(value))
    if _is_rounded(column.type) or _scalar(value, ROUND_FLOOR) != _scalar(value, ROUND_CEILING):
        return pc.if_else(pc.is_null(column), pa.scalar(None, pa.bool_()), pa.scalar(False))
    return pc.equal(_wide(column), _scalar(value, ROUND_FLOOR))


def to_float64(column: Any) -> Any:
    """Numbers or booleans [rows] as float64, each the nearest to its digits. Arrow's own cast of a decimal misses it by
    one bit in every seventh value: 0.3 becomes 0.30000000000000004, which is above 0.3."""
    is_decimal = pa.types.is_decimal(column.type)
    return column.cast(pa.string()).cast(pa.float64()) if is_decimal else column.cast(pa.float64(), safe=False)


def written(column: Any) -> Any:
    """Numbers [rows] as text, null where they are missing. A whole number is written as its digits even in a column of
    floats, which pandas makes of whole numbers if one is missing. Each value is written independently of the others."""
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    # Arrow writes a large float as 1e+15, and an int64 of that size as digits.
    whole = pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), _LARGEST_INT))
    nothing = pa.scalar(None, pa.string())
    digits = pc.if_else(whole, column, pa.scalar(None, column.type)).cast(pa.int64()).cast(pa.string())
    return pc.if_else(pc.is_null(column, nan_is_null=True), nothing, pc.coalesce(digits, column.cast(pa.string())))


def _is_rounded(kind: Any) -> bool:
    """Whether the type is a float, or a decimal with more places than `_PLACES`."""
    return bool(pa.types.is_floating(kind) or (pa.types.is_decimal(kind) and kind.scale > _PLACES))


def _wide(column: Any) -> Any:
    return column.cast(pa.decimal256(_WIDE, _PLACES))


def _scalar(value: float, rounding: str) -> Any:
    """A number as it is written: 0.1, not the nearest binary fraction."""
    if math.isinf(value) or abs(value) > _MOST:
        exact = _MOST if value > 0 else -_MOST
    else:
        exact = Decimal(str(value)).quantize(Decimal(1).scaleb(-_PLACES), rounding, _CONTEXT)
    return pa.scalar(exact, pa.decimal256(_WIDE, _PLACES))
