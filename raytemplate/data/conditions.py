"""Conditions on rows: SQL boolean expressions over columns and literals, as data and as Arrow expressions.

A short list of what is allowed, so that a template stays data: columns, numbers, text, true, false, null, comparisons,
`+ - * /`, `is [not] null`, `in (...)`, `between`, `like`, `and`, `or`, `not`. A row whose condition is null
is not matched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from raytemplate.units import parse_moment

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

_MAX_CHARS = 2_000
_MAX_DEPTH = 100
_MAX_INT = 2**63 - 1
_NULL_TEST = re.compile(r"\s*(?P<column>[a-z_][a-z0-9_]*)\s+is\s+(?P<no>not\s+)?null\s*", re.IGNORECASE | re.ASCII)
_LOOKS_LIKE = re.compile(r"[<>=]|\s(?:is|in|like|between|and|or)\s", re.IGNORECASE)
_NO_COLUMNS = frozenset(
    ("null", "true", "false", "not", "case", "select", "exists", "interval", "current_date", "current_time")
)
_COMPARISONS = {
    "EQ": "equal",
    "NEQ": "not_equal",
    "GT": "greater",
    "GTE": "greater_equal",
    "LT": "less",
    "LTE": "less_equal",
}
_ARITHMETIC = {"Add": "add_checked", "Sub": "subtract_checked", "Mul": "multiply_checked", "Div": "divide"}
_LOGIC = {"And": "and_kleene", "Or": "or_kleene", "Not": "invert"}
_TRUE_OR_FALSE = frozenset({*_COMPARISONS, *_LOGIC, "Is", "In", "Between", "Like", "Boolean", "Column"})
_NUMBERS = frozenset({*_ARITHMETIC, "Neg", "Column", "Literal"})
_ALLOWED = _TRUE_OR_FALSE | _NUMBERS | {"Null", "Paren", "Identifier"}
_OPERANDS = frozenset(
    {"this", "expression", "expressions", "low", "high", "quoted", "is_string", "negate", "typed", "safe"}
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that can be read. `columns` are those it needs, in the order they first stand in it."""

    text: str
    columns: tuple[str, ...]

    def expression(self, schema: pa.Schema | None = None, *, nulls: bool = False) -> pc.Expression:
        """The condition for `Table.filter` and dataset scans: true or false, and false where SQL says null.

        Args:
            nulls: null where SQL says null.
            schema: types of the columns. With it, text compared with a column of times is read as a time, in UTC unless
                it has an offset. Without it text stays text, which Arrow does not compare with times.

        Raises:
            ValueError: text that is no time, compared with a column of times.
        """
        import pyarrow.compute as pc

        if simple := _null_test(self.text):
            field = pc.field(simple[0])
            return field.is_valid() if simple[1] else field.is_null()
        lowered = _Lowering(schema).lower(_tree(self.text))
        return lowered if nulls else _call("coalesce", lowered, pc.scalar(False))


def parse_condition(text: str) -> Condition:
    """The condition in `text`.

    Raises:
        ValueError: not one SQL condition over columns, or something in it that is not allowed.
    """
    if simple := _null_test(text):
        return Condition(text, (simple[0],))
    tree = _tree(text)
    try:
        for node in tree.walk(bfs=True):
            if node.depth > _MAX_DEPTH:
                raise _refusal(text, f"it is nested more than {_MAX_DEPTH} deep")
            if trouble := _trouble(node):
                raise _refusal(text, trouble)
        if _kind(tree) not in _TRUE_OR_FALSE:
            raise _refusal(text, f"{_sql(tree)} is not true or false")
        names = [node.name for node in tree.walk(bfs=False) if type(node).__name__ == "Column"]
    except RecursionError:
        raise _refusal(text, "it is nested too deep") from None
    if not names:
        raise _refusal(text, "it names no column")
    return Condition(text, tuple(dict.fromkeys(names)))


def is_condition(target: str) -> bool:
    """Whether `data.target` is a condition, such as "arr_delay > 15", rather than the name of a column."""
    return bool(_LOOKS_LIKE.search(target))


def target_columns(target: str) -> tuple[str, ...]:
    """The columns that `data.target` is made from."""
    return parse_condition(target).columns if is_condition(target) else (target,)


def _null_test(text: str) -> tuple[str, bool] | None:
    """(column, whether it must be there) of "air_time is null", by far the most usual condition.

    Read without sqlglot, whose import takes a third of the time of `check`.
    """
    match = _NULL_TEST.fullmatch(text)
    if match is None or match["column"].lower() in _NO_COLUMNS:
        return None
    return match["column"], match["no"] is not None


@lru_cache(maxsize=64)
def _tree(text: str) -> Any:
    """The one sqlglot expression in `text`; callers leave it as it is."""
    if len(text) > _MAX_CHARS:
        raise _refusal(f"{text[:60]}...", f"it has {len(text):,} characters, at most {_MAX_CHARS:,} are read")
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(text)
    except RecursionError:
        raise _refusal(text, "it is nested too deep") from None
    except SqlglotError as error:
        raise _refusal(text, _unreadable(error)) from None
    if len(trees) > 1:
        raise _refusal(text, "it is more than one statement")
    if trees[0] is None:
        raise _refusal(text, "it is empty")
    return trees[0]


def _unreadable(error: Exception) -> str:
    details = cast("list[dict[str, Any]]", getattr(error, "errors", None) or [{}])[0]
    near = str(details.get("highlight") or "").strip()
    return f"it cannot be read at '{near}'" if near else "it cannot be read"


def _refusal(text: str, trouble: str) -> ValueError:
    return ValueError(f'got "{text}", expected a SQL condition over columns such as "air_time is null"; {trouble}')


def _trouble(node: Any) -> str:
    """Why this node is not allowed, judged with its direct operands; empty if it is."""
    name = type(node).__name__
    extra = [key for key, value in node.args.items() if value and key not in _OPERANDS]
    if name not in _ALLOWED or extra or (name == "Column" and type(node.this).__name__ != "Identifier"):
        return f"{_sql(node)} is not allowed"
    if name == "Null" and type(node.parent).__name__ != "Is":
        return "nothing equals null; write is null or is not null"
    if name == "Is" and type(node.expression).__name__ != "Null":
        return f"{_sql(node)} is not allowed; only is null and is not null are"
    if name == "Like" and not (_kind(node.expression) == "Literal" and node.expression.is_string):
        return f"{_sql(node)} is not allowed; like needs a text"
    if name in ("In", "Literal", "Neg"):
        return _bad_literals(node)
    return _bad_operands(node, name)


def _bad_operands(node: Any, name: str) -> str:
    operands = [node.args[key] for key in ("this", "expression") if node.args.get(key) is not None]
    if name in _LOGIC:
        return next((f"{_sql(o)} is not true or false" for o in operands if _kind(o) not in _TRUE_OR_FALSE), "")
    if name in _ARITHMETIC:
        return next((f"{_sql(o)} is not a number" for o in operands if not _is_number(o)), "")
    return ""


def _bad_literals(node: Any) -> str:
    name = type(node).__name__
    if name == "Neg":
        return "" if _is_number(node.this) else f"{_sql(node.this)} is not a number"
    if name == "Literal":
        return "" if node.is_string or abs(_number(node)) <= _MAX_INT else f"{node.name} is too large"
    types = {_literal_type(item) for item in node.expressions}
    if not types or None in types:
        return f"{_sql(node)} is not allowed; in needs a list of numbers or texts"
    return f"{_sql(node)} mixes numbers and texts" if len(types) > 1 else ""


def _literal_type(node: Any) -> type | None:
    inner = node.this if type(node).__name__ == "Neg" else node
    if type(inner).__name__ != "Literal":
        return None
    return str if inner.is_string else float


def _is_number(node: Any) -> bool:
    return _kind(node) in _NUMBERS and not (_kind(node) == "Literal" and _bare(node).is_string)


def _bare(node: Any) -> Any:
    """The node without parentheses around it."""
    while type(node).__name__ == "Paren":
        node = node.this
    return node


def _kind(node: Any) -> str:
    return type(_bare(node)).__name__


def _sql(node: Any) -> str:
    return str(node.sql(normalize_functions="lower", comments=False))


def _number(node: Any) -> int | float:
    text = str(node.name)
    return int(text) if text.isdigit() else float(text)


def _call(function: str, *arguments: pc.Expression, **options: str) -> pc.Expression:
    """An Arrow function over expressions. Arrow makes them at import, where a type checker cannot see them."""
    import pyarrow.compute as pc

    return cast("pc.Expression", getattr(pc, function)(*arguments, **options))


class _Lowering:
    """Checked nodes -> Arrow expressions. Null stays null on the way, as in SQL, also in `in` and `not`."""

    def __init__(self, schema: pa.Schema | None) -> None:
        self.schema = schema

    def lower(self, node: Any, as_type: pa.DataType | None = None) -> pc.Expression:
        """The expression of a node; text becomes a time where `as_type` is a type of times."""
        import pyarrow.compute as pc

        name = type(node).__name__
        if name == "Paren":
            return self.lower(node.this, as_type)
        if name == "Column":
            return pc.field(str(node.name))
        if name in ("Literal", "Boolean"):
            return pc.scalar(self._value(node, as_type))
        if name == "Is":
            return self.lower(node.this).is_null()
        if name == "Between":
            return self._between(node)
        if name == "In":
            return self._in(node)
        if name == "Like":
            matched = _call("match_like", self.lower(node.this), pattern=str(node.expression.name))
            return _call("invert", matched) if node.args.get("negate") else matched
        return self._operation(node, name)

    def _operation(self, node: Any, name: str) -> pc.Expression:
        keys = [key for key in ("this", "expression") if node.args.get(key) is not None]
        as_type = self._time_type(node.args[key] for key in keys) if name in _COMPARISONS else None
        operands = [self.lower(node.args[key], as_type) for key in keys]
        if name == "Div":
            return self._divide(*operands)
        function = {**_COMPARISONS, **_ARITHMETIC, **_LOGIC, "Neg": "negate_checked"}[name]
        return _call(function, *operands)

    def _divide(self, above: pc.Expression, below: pc.Expression) -> pc.Expression:
        """True division; null where the divisor is 0, rather than an error or an infinity."""
        import pyarrow as pa
        import pyarrow.compute as pc

        nothing = pc.scalar(pa.scalar(None, pa.float64()))
        divisor = _call("if_else", below == 0, nothing, below.cast(pa.float64()))
        return _call("divide", above.cast(pa.float64()), divisor)

    def _between(self, node: Any) -> pc.Expression:
        as_type = self._time_type([node.this])
        value = self.lower(node.this)
        low, high = (self.lower(node.args[key], as_type) for key in ("low", "high"))
        return (value >= low) & (value <= high)

    def _in(self, node: Any) -> pc.Expression:
        import pyarrow as pa
        import pyarrow.compute as pc

        as_type = self._time_type([node.this])
        value = self.lower(node.this)
        listed = value.isin(pa.array([self._signed(item, as_type) for item in node.expressions], as_type))
        return _call("if_else", value.is_valid(), listed, pc.scalar(pa.scalar(None, pa.bool_())))

    def _signed(self, node: Any, as_type: pa.DataType | None) -> Any:
        if type(node).__name__ == "Neg":
            return -_number(node.this)
        return self._value(node, as_type)

    def _value(self, node: Any, as_type: pa.DataType | None) -> Any:
        if type(node).__name__ == "Boolean":
            return bool(node.this)
        if not node.is_string:
            return _number(node)
        return str(node.name) if as_type is None else _time(str(node.name), as_type)

    def _time_type(self, nodes: Any) -> pa.DataType | None:
        """The type of the first column of times among the nodes."""
        import pyarrow as pa

        for node in nodes:
            bare = _bare(node)
            if self.schema is not None and type(bare).__name__ == "Column" and bare.name in self.schema.names:
                found = self.schema.field(bare.name).type
                if pa.types.is_timestamp(found) or pa.types.is_date(found):
                    return found
        return None


def _time(text: str, as_type: pa.DataType) -> Any:
    """Text as a scalar of a column's type."""
    import pyarrow as pa

    moment = parse_moment(text)
    if pa.types.is_date(as_type):
        return pa.scalar(moment.date(), as_type)
    has_zone = cast("pa.TimestampType", as_type).tz is not None
    return pa.scalar(moment if has_zone else moment.replace(tzinfo=None), as_type)
