"""Conditions as Arrow expressions: nodes that `conditions` has checked, lowered for the types of their columns."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from raytemplate.data.condition_nodes import (
    ARITHMETIC,
    COMPARISONS,
    LOGIC,
    bare,
    kind_of_node,
    literal_type,
    number_of,
    operands,
)
from raytemplate.data.missing import null_expression
from raytemplate.errors import DataError
from raytemplate.units import parse_moment

_EXACT, _EXACT_DIGITS, _EXACT_PLACES = "decimal256", 76, 20
"""The type used to compare whole numbers with fractions, or that no single integer type can hold: a float would round
them."""


def false_where_null(truth: pc.Expression) -> pc.Expression:
    """The condition as filters need it: false where SQL gives null."""
    return _call("coalesce", truth, pc.scalar(False))


@contextmanager
def naming_overflow(field: str, text: str) -> Generator[None]:
    """Translate the error of a condition that is evaluated inside the block and computes a number beyond 64 bits.

    Raises:
        DataError: names the field and the condition.
    """
    try:
        yield
    except pa.ArrowInvalid as error:
        if "overflow" not in str(error):
            raise
        raise DataError(
            f'{field}: "{text}" computes a whole number beyond 64 bits',
            next_step="divide the other side of the comparison instead of multiplying this one",
        ) from error


def _call(function: str, *arguments: pc.Expression, **options: str) -> pc.Expression:
    """An Arrow function applied to expressions. Arrow generates these at import, out of sight of a type checker."""
    return cast("pc.Expression", getattr(pc, function)(*arguments, **options))


class Lowering:
    """Turns checked nodes into Arrow expressions. Null stays null, as in SQL, including in `in` and `not`.

    With a schema, whole numbers are compared exactly, whatever their size. Decimals with a fraction are compared as
    float64, times in UTC to the microsecond, and a date as its first moment. Blanks around text are ignored, as they
    are in the data.
    """

    def __init__(self, schema: pa.Schema | None) -> None:
        self.schema = schema

    def truth(self, node: Any) -> pc.Expression:
        """The expression for a node that is true or false."""
        return self._typed(node, pa.bool_())

    def lower(self, node: Any) -> pc.Expression:
        """The expression for a node."""
        name = type(node).__name__
        if name == "Paren":
            return self.lower(node.this)
        if name == "Column":
            return self.column(str(node.name))
        if name == "Boolean" or literal_type(node):
            value = _value(node)
            return pc.scalar(Decimal(value) if type(value) is int and abs(value) >= 2**63 else value)
        if name == "Is":
            return self.lower(node.this).is_null()
        if name == "Between":
            return self._compare("GTE", node.this, node.args["low"]) & self._compare(
                "LTE", node.this, node.args["high"]
            )
        if name == "In":
            return self._in(node)
        if name == "Like":
            matched = _call("match_like", self._typed(node.this, pa.string()), pattern=str(node.expression.name))
            return _call("invert", matched) if node.args.get("negate") else matched
        return self._operation(node, name)

    def column(self, name: str) -> pc.Expression:
        """The values of a column in the form in which they are compared, null where missing."""
        kind = self._type(name)
        if kind is None or self.schema is None:
            return pc.field(name)
        is_coded = pa.types.is_dictionary(self.schema.field(name).type)
        value = pc.field(name).cast(kind) if is_coded else pc.field(name)
        return null_expression(_comparable(value, kind), pa.float64() if pa.types.is_floating(kind) else kind)

    def _operation(self, node: Any, name: str) -> pc.Expression:
        around = operands(node)
        if name in COMPARISONS:
            return self._compare(name, *around)
        if name in LOGIC:
            return _call(LOGIC[name], *map(self.truth, around))
        width = self._width(node) or None
        numbers = [self._number(operand, width) for operand in around]
        if name == "Neg":
            return _call("subtract_checked", pc.scalar(0), *numbers)
        return self._divide(*numbers) if name == "Div" else _call(ARITHMETIC[name], *numbers)

    def _compare(self, name: str, one: Any, other: Any) -> pc.Expression:
        if self._kind(one, pa.types.is_null) and self._kind(other, pa.types.is_null):
            return pc.scalar(pa.scalar(None, pa.bool_()))
        if self._is_time(one) or self._is_time(other):
            return _call(COMPARISONS[name], self._moment(one), self._moment(other))
        width = self._joint(one, other)
        return _call(COMPARISONS[name], self._number(one, width), self._number(other, width))

    def _moment(self, node: Any) -> pc.Expression:
        """A node that is compared with a time; text is parsed as one."""
        is_text = literal_type(bare(node)) is str
        return pc.scalar(_value(bare(node), as_time=True)) if is_text else self.lower(node)

    def _number(self, node: Any, width: str | None) -> pc.Expression:
        """A node as a number of type `width`: the type Arrow would choose cannot hold large ones. With no width, the
        node as it is."""
        if width is None:
            return self.lower(node)
        kind = pa.decimal256(_EXACT_DIGITS, _EXACT_PLACES) if width == _EXACT else pa.type_for_alias(width)
        if literal_type(bare(node)):
            value = _decimal(bare(node))
            return pc.scalar(pa.scalar({"float64": float, _EXACT: Decimal}.get(width, int)(value), kind))
        return self.lower(node).cast(kind, safe=False)

    def _joint(self, *nodes: Any) -> str | None:
        """The common type of some numbers: one that holds them all unless one is a float. None if one is no number."""
        widths = {self._width(node) for node in nodes} - {""}
        if None in widths:
            return None
        if "float64" in widths or widths == {"fraction"}:
            return "float64"
        return widths.pop() if len(widths) == 1 else _EXACT if widths else "int64"

    def _width(self, node: Any) -> str | None:
        """The type of a number: "" for one that fits every type, "fraction" for a literal that fits all but integer
        types, None for what is not a number or not known to be one."""
        name, plain = kind_of_node(node), bare(node)
        if name in ARITHMETIC or name == "Neg":
            joint = self._joint(*operands(plain))
            return "float64" if joint and (joint != "int64" or name == "Div") else joint
        if found := literal_type(plain):
            return None if found is str else _width_of(_decimal(plain))
        tests = {
            "": pa.types.is_null, "uint64": pa.types.is_uint64, "int64": pa.types.is_integer,
            _EXACT: lambda kind: pa.types.is_decimal(kind) and cast("pa.Decimal128Type", kind).scale == 0,
            "float64": lambda kind: pa.types.is_floating(kind) or pa.types.is_decimal(kind),
        }  # fmt: skip
        return next((width for width, test in tests.items() if self._kind(plain, test)), None)

    def _divide(self, above: pc.Expression, below: pc.Expression) -> pc.Expression:
        """True division: null, rather than an error or infinity, if the divisor is 0."""
        nothing = pc.scalar(pa.scalar(None, pa.float64()))
        divisor = _call("if_else", below == 0, nothing, below.cast(pa.float64()))
        return _call("divide", above.cast(pa.float64()), divisor)

    def _in(self, node: Any) -> pc.Expression:
        if literal_type(node.expressions[0]) is not str or self._kind(node.this, pa.types.is_null):
            return _any([self._compare("EQ", node.this, item) for item in node.expressions])
        as_time = self._is_time(node.this)
        value = self.lower(node.this)
        listed = value.isin(pa.array([_value(item, as_time=as_time) for item in node.expressions]))
        return _call("if_else", value.is_valid(), listed, pc.scalar(pa.scalar(None, pa.bool_())))

    def _typed(self, node: Any, kind: pa.DataType) -> pc.Expression:
        """The expression for a node, cast to `kind` if it is a column without any value and so without a type."""
        lowered = self.lower(node)
        return lowered.cast(kind) if self._kind(node, pa.types.is_null) else lowered

    def _is_time(self, node: Any) -> bool:
        return self._kind(node, lambda kind: pa.types.is_timestamp(kind) or pa.types.is_date(kind))

    def _kind(self, node: Any, test: Callable[[pa.DataType], bool]) -> bool:
        """Whether a node is a column whose type passes a test."""
        kind = self._type(str(bare(node).name)) if kind_of_node(node) == "Column" else None
        return kind is not None and test(kind)

    def _type(self, name: str) -> pa.DataType | None:
        """The type of a column's values; None if it is not known."""
        if self.schema is None or name not in self.schema.names:
            return None
        kind = self.schema.field(name).type
        return cast("pa.DictionaryType", kind).value_type if pa.types.is_dictionary(kind) else kind


def _comparable(field: pc.Expression, kind: pa.DataType) -> pc.Expression:
    """A column of type `kind`, cast to the type to which the other side of a comparison is lowered."""
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return field.cast(pa.timestamp("us"), safe=False).cast(pa.timestamp("us", "UTC"))
    if pa.types.is_decimal(kind) and cast("pa.Decimal128Type", kind).scale == 0:
        return field
    if pa.types.is_decimal(kind):
        return field.cast(pa.string()).cast(pa.float64())  # see `exact.to_float64`
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return field.cast(pa.float64(), safe=False)
    return field


def _width_of(value: Decimal) -> str:
    """See `Lowering._width`."""
    if value == value.to_integral_value():
        return "" if 0 <= value < 2**63 else "int64" if -(2**63) <= value < 0 else _EXACT
    return "fraction" if int(value.as_tuple().exponent) >= -_EXACT_PLACES else "float64"


def _decimal(node: Any) -> Decimal:
    if type(node).__name__ == "Neg":
        return -Decimal(str(bare(node.this).name))
    return Decimal(str(node.name))


def _value(node: Any, *, as_time: bool = False) -> Any:
    if type(node).__name__ == "Neg":
        return -number_of(bare(node.this))
    if type(node).__name__ == "Boolean":
        return bool(node.this)
    if not node.is_string:
        return number_of(node)
    return pa.scalar(parse_moment(str(node.name)), pa.timestamp("us", "UTC")) if as_time else str(node.name).strip()


def _any(tests: list[pc.Expression]) -> pc.Expression:
    """True if any of the tests is. Built as a balanced tree, so that a long list does not nest deeply."""
    half = len(tests) // 2
    return _call("or_kleene", _any(tests[:half]), _any(tests[half:])) if half else tests[0]
