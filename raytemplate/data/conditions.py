"""Conditions on rows: SQL boolean expressions over columns and literals, as data and as Arrow expressions.

The allowed syntax is short, so that a template stays data: columns, numbers, text, true, false, null, comparisons,
`+ - * /`, `is [not] null`, `in (...)`, `between`, `like`, `and`, `or`, `not`. A row whose condition is null
is not matched. A value that is missing by the rule of `data.missing`, such as NaN or blank text, is null.

`condition_text` defines how names and text are written, `condition_types` what may be compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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
from raytemplate.data.condition_text import in_condition, meant, null_test, quoted, refusal, tree_of, unquoted

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

_MAX_DEPTH = 100
_LARGEST = 10**38
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_QUOTED_NAME = re.compile(r'\s*"((?:[^"]|"")+)"\s*')
_LOOKS_LIKE = re.compile(r"[<>=]|\s(?:is|in|like|between|and|or)\s", re.IGNORECASE)
_TRUE_OR_FALSE = frozenset({*COMPARISONS, *LOGIC, "Is", "In", "Between", "Like", "Boolean", "Column"})
_NUMBERS = frozenset({*ARITHMETIC, "Neg", "Column", "Literal"})
_ALLOWED = _TRUE_OR_FALSE | _NUMBERS | {"Null", "Paren", "Identifier"}
_OPERANDS = frozenset(
    {"this", "expression", "expressions", "low", "high", "quoted", "is_string", "negate", "typed", "safe"}
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been parsed and is allowed."""

    text: str
    """The condition as it was written."""

    columns: tuple[str, ...]
    """The columns it reads, in the order of their first appearance."""

    def expression(self, schema: pa.Schema | None = None, *, nulls: bool = False) -> pc.Expression:
        """The condition for `Table.filter` and dataset scans: true or false, and false where SQL gives null.

        Args:
            schema: types of the columns. With it, text compared with a column of times is read as a time, in UTC unless
                it has an offset, and every missing value is null. Without it text stays text, which Arrow does not
                compare with times, and only nulls are missing.
            nulls: keep null where SQL gives null.

        Raises:
            ValueError: text that is not a time is compared with a column of times.
        """
        from raytemplate.data.condition_lowering import Lowering, false_where_null

        if simple := null_test(self.text):
            field = Lowering(schema).column(simple[0])
            return field.is_valid() if simple[1] else field.is_null()
        lowered = Lowering(schema).truth(tree_of(self.text))
        return lowered if nulls else false_where_null(lowered)


def parse_condition(text: str) -> Condition:
    """The condition in `text`.

    Raises:
        ValueError: it is not a single SQL condition over columns, or it contains something that is not allowed.
    """
    if simple := null_test(text):
        return Condition(text, (simple[0],))
    tree = tree_of(text)
    try:
        for node in tree.walk(bfs=True):
            if node.depth > _MAX_DEPTH:
                raise refusal(text, f"it is nested more than {_MAX_DEPTH} deep")
            if trouble := _trouble(node):
                raise refusal(text, trouble)
        if kind_of_node(tree) not in _TRUE_OR_FALSE:
            raise refusal(text, f"{_sql(tree)} is not true or false")
        names = [node.name for node in tree.walk(bfs=False) if type(node).__name__ == "Column"]
    except RecursionError:
        raise refusal(text, "it is nested too deep") from None
    if not names:
        raise refusal(text, "it names no column")
    return Condition(text, tuple(dict.fromkeys(names)))


def condition_problem(text: str, missing: Sequence[str] = ()) -> str:
    """Why a template may not contain a condition; "" if it may.

    A condition is refused if it cannot be parsed, or if it contains a test that no row can pass: nothing equals a value
    that counts as missing. Plans of earlier versions may contain such a test, so `parse_condition` still accepts it.

    Args:
        missing: words for missing values, as in `data.csv.missing`; blank text is always missing.
    """
    try:
        parse_condition(text)
    except ValueError as error:
        return str(error)
    if null_test(text):
        return ""
    words = {word.strip() for word in ("", *missing)}
    return next(filter(None, (_never_true(node, words) for node in tree_of(text).walk(bfs=False))), "")


def _never_true(node: Any, missing: set[str]) -> str:
    kind = type(node).__name__
    if kind not in ("EQ", "In", "Like"):
        return ""
    sides = [node.this, *(node.expressions if kind == "In" else [node.expression])]
    found = next((side for side in sides if _is_one_of(side, missing)), None)
    if found is None:
        return ""
    column = next((in_condition(bare(side).name) for side in sides if kind_of_node(side) == "Column"), "COLUMN")
    rest = [_sql(item) for item in node.expressions if not _is_one_of(item, missing)] if kind == "In" else []
    meant = f"{column} is null" + (f" or {column} in ({', '.join(rest)})" if rest else "")
    blank = not str(bare(found).name).strip()
    what = "blank text is" if blank else f"{_sql(found)} is listed in data.csv.missing and is"
    return f"{_sql(node)}: {what} missing, so nothing is equal to it; write {meant}"


def _is_one_of(node: Any, missing: set[str]) -> bool:
    """Whether a literal is one of the words for missing values, or a number that one of them spells."""
    kind, text = literal_type(bare(node)), _sql(bare(node))
    if kind is str:
        return str(bare(node).name).strip() in missing
    return kind is float and any(_NUMBER.fullmatch(word) and Decimal(word) == Decimal(text) for word in missing)


def parts_on(condition: Condition, column: str) -> tuple[Condition, ...]:
    """Of tests joined by `or`, those that read this column only: each matches its rows whatever the others do."""
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
    """The columns that `data.target` is made from. A name that would read as a condition is in double quotes there."""
    if found := _QUOTED_NAME.fullmatch(target):
        return (unquoted(found[1]),)
    return parse_condition(target).columns if is_condition(target) else (target,)


def as_target(column: str) -> str:
    """A column's name as written in `data.target`."""
    return quoted(column) if _QUOTED_NAME.fullmatch(column) or is_condition(column) else column


def _trouble(node: Any) -> str:
    """Why this node is not allowed, looking no deeper than its direct operands; "" if it is allowed."""
    name = type(node).__name__
    extra = [key for key, value in node.args.items() if value and key not in _OPERANDS]
    if name in ("Alias", "Command"):
        return f"{_sql(node)} is not allowed{meant(_sql(node).replace(' AS ', ' '))}"
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
    around = operands(node)
    if name in LOGIC:
        return next((f"{_sql(o)} is not true or false" for o in around if kind_of_node(o) not in _TRUE_OR_FALSE), "")
    if name in ARITHMETIC:
        return next((f"{_sql(o)} is not a number" for o in around if not _is_number(o)), "")
    return ""


def _bad_literals(node: Any) -> str:
    name = type(node).__name__
    if name == "Neg":
        return "" if _is_number(node.this) else f"{_sql(node.this)} is not a number"
    if name == "Literal":
        return "" if node.is_string or abs(number_of(node)) < _LARGEST else f"{node.name} is too large"
    types = {literal_type(item) for item in node.expressions}
    if not types or None in types:
        return f"{_sql(node)} is not allowed; in needs a list of numbers or texts"
    return f"{_sql(node)} mixes numbers and texts" if len(types) > 1 else ""


def _is_number(node: Any) -> bool:
    return kind_of_node(node) in _NUMBERS and not (kind_of_node(node) == "Literal" and bare(node).is_string)


def _sql(node: Any) -> str:
    return str(node.sql(normalize_functions="lower", comments=False))
