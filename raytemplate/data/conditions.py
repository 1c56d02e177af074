"""Conditions on rows: SQL boolean expressions over columns and literals, as data and as Arrow expressions.

A short list of what is allowed, so that a template stays data: columns, numbers, text, true, false, null, comparisons,
`+ - * /`, `is [not] null`, `in (...)`, `between`, `like`, `and`, `or`, `not`. A row whose condition is null
is not matched. A missing value, by the rule of `data.missing`, is null: NaN and blank text are, too.

Text stands in single quotes. A column's name may stand in double quotes, and must if it is no plain word or is one of
SQL's: "total amount", "select"; a double quote in it is written twice. `condition_types` has what may be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from raytemplate.units import parse_moment

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

_MAX_CHARS = 2_000
_MAX_DEPTH = 100
_LARGEST = 10**38
_EXACT, _EXACT_DIGITS, _EXACT_PLACES = "decimal256", 76, 20
"""The type in which whole numbers meet that no integer type holds all of, or a fraction: a float would round them."""

_MAX_GUESSES = 20
_NULL_TEST = re.compile(
    r'\s*(?:(?P<plain>[a-z_][a-z0-9_]*)\s|"(?P<quoted>(?:[^"]|"")+)")\s*is\s+(?P<no>not\s+)?null\s*',
    re.IGNORECASE | re.ASCII,
)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE | re.ASCII)
_QUOTED_NAME = re.compile(r'\s*"((?:[^"]|"")+)"\s*')
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_OPERATORS = r"(?:and|or|not|is|in|between|like|null|true|false)\b"
_NAMES = re.compile(rf"\b(?!{_OPERATORS}|\d+\s)\w+(?:\s+(?!{_OPERATORS})\w+)*", re.IGNORECASE)
_LOOKS_LIKE = re.compile(r"[<>=]|\s(?:is|in|like|between|and|or)\s", re.IGNORECASE)
_NO_COLUMNS = frozenset(
    ("null", "true", "false", "not", "case", "select", "exists", "interval", "current_date", "current_time")
)
COMPARISONS = {
    "EQ": "equal",
    "NEQ": "not_equal",
    "GT": "greater",
    "GTE": "greater_equal",
    "LT": "less",
    "LTE": "less_equal",
}
ARITHMETIC = {"Add": "add_checked", "Sub": "subtract_checked", "Mul": "multiply_checked", "Div": "divide"}
LOGIC = {"And": "and_kleene", "Or": "or_kleene", "Not": "invert"}
_TRUE_OR_FALSE = frozenset({*COMPARISONS, *LOGIC, "Is", "In", "Between", "Like", "Boolean", "Column"})
_NUMBERS = frozenset({*ARITHMETIC, "Neg", "Column", "Literal"})
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
                it has an offset, and every missing value is null. Without it text stays text, which Arrow does not
                compare with times, and only nulls are missing.

        Raises:
            ValueError: text that is no time, compared with a column of times.
        """
        import pyarrow.compute as pc

        if simple := null_test(self.text):
            field = _Lowering(schema).column(simple[0])
            return field.is_valid() if simple[1] else field.is_null()
        lowered = _Lowering(schema).truth(tree_of(self.text))
        return lowered if nulls else _call("coalesce", lowered, pc.scalar(False))


def parse_condition(text: str) -> Condition:
    """The condition in `text`.

    Raises:
        ValueError: not one SQL condition over columns, or something in it that is not allowed.
    """
    if simple := null_test(text):
        return Condition(text, (simple[0],))
    tree = tree_of(text)
    try:
        for node in tree.walk(bfs=True):
            if node.depth > _MAX_DEPTH:
                raise _refusal(text, f"it is nested more than {_MAX_DEPTH} deep")
            if trouble := _trouble(node):
                raise _refusal(text, trouble)
        if kind_of_node(tree) not in _TRUE_OR_FALSE:
            raise _refusal(text, f"{_sql(tree)} is not true or false")
        names = [node.name for node in tree.walk(bfs=False) if type(node).__name__ == "Column"]
    except RecursionError:
        raise _refusal(text, "it is nested too deep") from None
    if not names:
        raise _refusal(text, "it names no column")
    return Condition(text, tuple(dict.fromkeys(names)))


def parts_on(condition: Condition, column: str) -> tuple[Condition, ...]:
    """Of tests joined by `or`, those that read this column alone: each takes its rows whatever the others say."""
    if condition.columns == (column,):
        return (condition,)
    if column not in condition.columns:
        return ()
    found: list[Condition] = []
    nodes = [tree_of(condition.text)]
    while nodes:
        node = bare(nodes.pop())
        if type(node).__name__ == "Or":
            nodes += [node.expression, node.this]
        elif {one.name for one in node.walk() if type(one).__name__ == "Column"} == {column}:
            found.append(parse_condition(_sql(node)))
    return tuple(found)


def is_condition(target: str) -> bool:
    """Whether `data.target` is a condition, such as "arr_delay > 15", rather than the name of a column."""
    return bool(_LOOKS_LIKE.search(target)) and not _QUOTED_NAME.fullmatch(target)


def target_columns(target: str) -> tuple[str, ...]:
    """The columns that `data.target` is made from. A name that reads as a condition stands in double quotes there."""
    if found := _QUOTED_NAME.fullmatch(target):
        return (_unquoted(found[1]),)
    return parse_condition(target).columns if is_condition(target) else (target,)


def as_target(column: str) -> str:
    """A column's name as `data.target` has it."""
    return quoted(column) if _QUOTED_NAME.fullmatch(column) or is_condition(column) else column


def in_condition(column: str) -> str:
    """A column's name as a condition has it: in double quotes where it would be read as something else."""
    return column if _PLAIN_NAME.fullmatch(column) and _reads_as_column(column) else quoted(column)


def quoted(column: str) -> str:
    """A name in double quotes."""
    return '"' + column.replace('"', '""') + '"'


def _unquoted(name: str) -> str:
    return name.replace('""', '"')


@lru_cache(maxsize=1024)
def _reads_as_column(word: str) -> bool:
    """Whether a word is a column wherever a column may stand."""
    tests = (
        "{} is null", "{} > 0 and not {}", "not {} in (1)", "{} like 'a' or {}", "1 < - {}", "{} between 1 and {}",
        "{} = '1'",
    )  # fmt: skip
    texts = [form.replace("{}", word) for test in tests for form in (test, f"({test})")]
    if word.lower() in _NO_COLUMNS:
        return False
    try:
        nodes = [node for text in texts for node in tree_of(text).walk() if type(node).__name__ == "Column"]
    except ValueError:
        return False
    return [node.name for node in nodes] == [word] * 2 * "".join(tests).count("{}")


def null_test(text: str) -> tuple[str, bool] | None:
    """(column, whether it must be there) of "air_time is null", by far the most usual condition.

    Read without sqlglot, whose import takes a third of the time of `check`.
    """
    match = _NULL_TEST.fullmatch(text)
    if match is None or (match["plain"] or "").lower() in _NO_COLUMNS:
        return None
    return match["plain"] or _unquoted(match["quoted"]), match["no"] is not None


@lru_cache(maxsize=64)
def tree_of(text: str) -> Any:
    """The one sqlglot expression in `text`; callers leave it as it is."""
    if len(text) > _MAX_CHARS:
        raise _refusal(f"{text[:60]}...", f"it has {len(text):,} characters, at most {_MAX_CHARS:,} are read")
    import logging

    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it would warn of is refused, in our words
    try:
        trees = sqlglot.parse(text)
    except RecursionError:
        raise _refusal(text, "it is nested too deep") from None
    except SqlglotError as error:
        raise _refusal(text, _unreadable(error) + _meant(text)) from None
    if len(trees) > 1:
        raise _refusal(text, "it is more than one statement")
    if not trees or trees[0] is None:
        raise _refusal(text, "it is empty")
    return trees[0]


def _unreadable(error: Exception) -> str:
    details = cast("list[dict[str, Any]]", getattr(error, "errors", None) or [{}])[0]
    near = str(details.get("highlight") or "").strip()
    return f"it cannot be read at '{near}'" if near else "it cannot be read"


def _meant(text: str) -> str:
    """How a name is to be written that may be why a condition cannot be read; "" where there is none."""
    names = [found[0] for found in _NAMES.finditer(_QUOTED.sub("''", text)) if not found[0].isdigit()]
    name = next((one for one in names if not _reads_as_column(one)), "") if len(names) < _MAX_GUESSES else ""
    return (
        f"; a name with blanks, or one that is a word of SQL, stands in double quotes: {quoted(name)}" if name else ""
    )


def _refusal(text: str, trouble: str) -> ValueError:
    return ValueError(f'got "{text}", expected a SQL condition over columns such as "air_time is null"; {trouble}')


def _trouble(node: Any) -> str:
    """Why this node is not allowed, judged with its direct operands; empty if it is."""
    name = type(node).__name__
    extra = [key for key, value in node.args.items() if value and key not in _OPERANDS]
    if name in ("Alias", "Command"):
        return f"{_sql(node)} is not allowed{_meant(_sql(node).replace(' AS ', ' '))}"
    if name not in _ALLOWED or extra or (name == "Column" and type(node.this).__name__ != "Identifier"):
        return f"{_sql(node)} is not allowed"
    if name == "Null" and type(node.parent).__name__ != "Is":
        return "nothing equals null; write is null or is not null"
    if name == "Is" and type(node.expression).__name__ != "Null":
        return f"{_sql(node)} is not allowed; only is null and is not null are"
    if name == "Like" and not (kind_of_node(node.expression) == "Literal" and node.expression.is_string):
        return f"{_sql(node)} is not allowed; like needs a text"
    if name in ("In", "Literal", "Neg"):
        return _bad_literals(node)
    return _bad_operands(node, name)


def _bad_operands(node: Any, name: str) -> str:
    operands = [node.args[key] for key in ("this", "expression") if node.args.get(key) is not None]
    if name in LOGIC:
        return next((f"{_sql(o)} is not true or false" for o in operands if kind_of_node(o) not in _TRUE_OR_FALSE), "")
    if name in ARITHMETIC:
        return next((f"{_sql(o)} is not a number" for o in operands if not _is_number(o)), "")
    return ""


def _bad_literals(node: Any) -> str:
    name = type(node).__name__
    if name == "Neg":
        return "" if _is_number(node.this) else f"{_sql(node.this)} is not a number"
    if name == "Literal":
        return "" if node.is_string or abs(_number(node)) < _LARGEST else f"{node.name} is too large"
    types = {_literal_type(item) for item in node.expressions}
    if not types or None in types:
        return f"{_sql(node)} is not allowed; in needs a list of numbers or texts"
    return f"{_sql(node)} mixes numbers and texts" if len(types) > 1 else ""


def _literal_type(node: Any) -> type | None:
    inner = bare(node.this) if type(node).__name__ == "Neg" else node
    if type(inner).__name__ != "Literal":
        return None
    return str if inner.is_string else float


def _is_number(node: Any) -> bool:
    return kind_of_node(node) in _NUMBERS and not (kind_of_node(node) == "Literal" and bare(node).is_string)


def bare(node: Any) -> Any:
    """The node without parentheses around it."""
    while type(node).__name__ == "Paren":
        node = node.this
    return node


def kind_of_node(node: Any) -> str:
    return type(bare(node)).__name__


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
    """Checked nodes -> Arrow expressions. Null stays null on the way, as in SQL, also in `in` and `not`.

    With a schema whole numbers are compared exactly, whatever their size; decimals with a fraction count as float64,
    times to the microsecond and in UTC, and a date as its first moment. Blanks around text do not count, as
    in the data.
    """

    def __init__(self, schema: pa.Schema | None) -> None:
        self.schema = schema

    def truth(self, node: Any) -> pc.Expression:
        """The expression of a node that is true or false."""
        import pyarrow as pa

        return self._typed(node, pa.bool_())

    def lower(self, node: Any) -> pc.Expression:
        """The expression of a node."""
        import pyarrow as pa
        import pyarrow.compute as pc

        name = type(node).__name__
        if name == "Paren":
            return self.lower(node.this)
        if name == "Column":
            return self.column(str(node.name))
        if name == "Boolean" or _literal_type(node):
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
        """The values of a column as they are compared, null where they are missing."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from raytemplate.data.missing import null_expression

        kind = self._type(name)
        if kind is None or self.schema is None:
            return pc.field(name)
        is_coded = pa.types.is_dictionary(self.schema.field(name).type)
        value = pc.field(name).cast(kind) if is_coded else pc.field(name)
        return null_expression(_comparable(value, kind), pa.float64() if pa.types.is_floating(kind) else kind)

    def _operation(self, node: Any, name: str) -> pc.Expression:
        import pyarrow.compute as pc

        operands = _operands(node)
        if name in COMPARISONS:
            return self._compare(name, *operands)
        if name in LOGIC:
            return _call(LOGIC[name], *map(self.truth, operands))
        width = self._width(node) or None
        numbers = [self._number(operand, width) for operand in operands]
        if name == "Neg":
            return _call("subtract_checked", pc.scalar(0), *numbers)
        return self._divide(*numbers) if name == "Div" else _call(ARITHMETIC[name], *numbers)

    def _compare(self, name: str, one: Any, other: Any) -> pc.Expression:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._kind(one, pa.types.is_null) and self._kind(other, pa.types.is_null):
            return pc.scalar(pa.scalar(None, pa.bool_()))
        if self._is_time(one) or self._is_time(other):
            return _call(COMPARISONS[name], self._moment(one), self._moment(other))
        width = self._joint(one, other)
        return _call(COMPARISONS[name], self._number(one, width), self._number(other, width))

    def _moment(self, node: Any) -> pc.Expression:
        """A node beside a time, where text is one."""
        import pyarrow.compute as pc

        is_text = _literal_type(bare(node)) is str
        return pc.scalar(_value(bare(node), as_time=True)) if is_text else self.lower(node)

    def _number(self, node: Any, width: str | None) -> pc.Expression:
        """A node as a number of that type: Arrow's own choice has no room for large ones. Others as they are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if width is None:
            return self.lower(node)
        kind = pa.decimal256(_EXACT_DIGITS, _EXACT_PLACES) if width == _EXACT else pa.type_for_alias(width)
        if _literal_type(bare(node)):
            value = _decimal(bare(node))
            return pc.scalar(pa.scalar({"float64": float, _EXACT: Decimal}.get(width, int)(value), kind))
        return self.lower(node).cast(kind, safe=False)

    def _joint(self, *nodes: Any) -> str | None:
        """The type in which numbers meet: one that holds all of them, if none is a float. None where one is none."""
        widths = {self._width(node) for node in nodes} - {""}
        if None in widths:
            return None
        if "float64" in widths or widths == {"fraction"}:
            return "float64"
        return widths.pop() if len(widths) == 1 else _EXACT if widths else "int64"

    def _width(self, node: Any) -> str | None:
        """The type of a number; "" for one that fits every type, "fraction" for a literal that fits all but types of
        integers, None where it is no number, or nobody knows."""
        import pyarrow as pa

        name, plain = kind_of_node(node), bare(node)
        if name in ARITHMETIC or name == "Neg":
            joint = self._joint(*_operands(plain))
            return "float64" if joint and (joint != "int64" or name == "Div") else joint
        if found := _literal_type(plain):
            return None if found is str else _width_of(_decimal(plain))
        tests = {
            "": pa.types.is_null, "uint64": pa.types.is_uint64, "int64": pa.types.is_integer,
            _EXACT: lambda kind: pa.types.is_decimal(kind) and cast("pa.Decimal128Type", kind).scale == 0,
            "float64": lambda kind: pa.types.is_floating(kind) or pa.types.is_decimal(kind),
        }  # fmt: skip
        return next((width for width, test in tests.items() if self._kind(plain, test)), None)

    def _divide(self, above: pc.Expression, below: pc.Expression) -> pc.Expression:
        """True division; null where the divisor is 0, rather than an error or an infinity."""
        import pyarrow as pa
        import pyarrow.compute as pc

        nothing = pc.scalar(pa.scalar(None, pa.float64()))
        divisor = _call("if_else", below == 0, nothing, below.cast(pa.float64()))
        return _call("divide", above.cast(pa.float64()), divisor)

    def _in(self, node: Any) -> pc.Expression:
        import pyarrow as pa
        import pyarrow.compute as pc

        if _literal_type(node.expressions[0]) is not str or self._kind(node.this, pa.types.is_null):
            return _any([self._compare("EQ", node.this, item) for item in node.expressions])
        as_time = self._is_time(node.this)
        value = self.lower(node.this)
        listed = value.isin(pa.array([_value(item, as_time=as_time) for item in node.expressions]))
        return _call("if_else", value.is_valid(), listed, pc.scalar(pa.scalar(None, pa.bool_())))

    def _typed(self, node: Any, kind: pa.DataType) -> pc.Expression:
        """The expression of a node of that type; a column without any value has none."""
        import pyarrow as pa

        lowered = self.lower(node)
        return lowered.cast(kind) if self._kind(node, pa.types.is_null) else lowered

    def _is_time(self, node: Any) -> bool:
        import pyarrow as pa

        return self._kind(node, lambda kind: pa.types.is_timestamp(kind) or pa.types.is_date(kind))

    def _kind(self, node: Any, test: Callable[[pa.DataType], bool]) -> bool:
        """Whether a node is a column whose type passes a test."""
        kind = self._type(str(bare(node).name)) if kind_of_node(node) == "Column" else None
        return kind is not None and test(kind)

    def _type(self, name: str) -> pa.DataType | None:
        """The type of a column's values; None where it is not known."""
        import pyarrow as pa

        if self.schema is None or name not in self.schema.names:
            return None
        kind = self.schema.field(name).type
        return cast("pa.DictionaryType", kind).value_type if pa.types.is_dictionary(kind) else kind


def _comparable(field: pc.Expression, kind: pa.DataType) -> pc.Expression:
    """A column whose values are of that type, as what it is compared with is lowered."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return field.cast(pa.timestamp("us"), safe=False).cast(pa.timestamp("us", "UTC"))
    if pa.types.is_decimal(kind) and cast("pa.Decimal128Type", kind).scale == 0:
        return field
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return field.cast(pa.float64(), safe=False)
    return field


def _width_of(value: Decimal) -> str:
    """See `_Lowering._width`."""
    if value == value.to_integral_value():
        return "" if 0 <= value < 2**63 else "int64" if -(2**63) <= value < 0 else _EXACT
    return "fraction" if int(value.as_tuple().exponent) >= -_EXACT_PLACES else "float64"


def _decimal(node: Any) -> Decimal:
    if type(node).__name__ == "Neg":
        return -Decimal(str(bare(node.this).name))
    return Decimal(str(node.name))


def _operands(node: Any) -> list[Any]:
    return [node.args[key] for key in ("this", "expression") if node.args.get(key) is not None]


def _value(node: Any, *, as_time: bool = False) -> Any:
    import pyarrow as pa

    if type(node).__name__ == "Neg":
        return -_number(bare(node.this))
    if type(node).__name__ == "Boolean":
        return bool(node.this)
    if not node.is_string:
        return _number(node)
    return pa.scalar(parse_moment(str(node.name)), pa.timestamp("us", "UTC")) if as_time else str(node.name).strip()


def _any(tests: list[pc.Expression]) -> pc.Expression:
    """Whether one of them is true; halved and halved again, so that many of them are not nested as deep."""
    half = len(tests) // 2
    return _call("or_kleene", _any(tests[:half]), _any(tests[half:])) if half else tests[0]
