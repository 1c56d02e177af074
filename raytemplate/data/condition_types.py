"""Type checks of a condition against the types of its columns, before a row is read.

Numbers compare with numbers, texts with texts, booleans with booleans, times with times and with texts that are ISO
dates or times. Arithmetic needs numbers, `like` needs texts, and only booleans can be a condition of their own or an
operand of `and`, `or` and `not`. Columns of other types (lists, bytes, times of day) allow `is [not] null` only.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from raytemplate.data.condition_nodes import ARITHMETIC, COMPARISONS, LOGIC, bare, kind_of_node, operands
from raytemplate.data.condition_text import null_test, tree_of
from raytemplate.units import parse_moment

Kind = Literal["number", "text", "boolean", "time", "other", "any"]
"""How a condition sees a value; "any" is a column without values, or one whose type is not known."""

_KINDS: tuple[tuple[str, Kind], ...] = (
    ("int", "number"), ("uint", "number"), ("float", "number"), ("double", "number"), ("halffloat", "number"),
    ("decimal", "number"), ("bool", "boolean"), ("string", "text"), ("large_string", "text"), ("timestamp", "time"),
    ("date", "time"), ("null", "any"),
)  # fmt: skip
_DICTIONARY = re.compile(r"dictionary<values=(.*), indices=.*")
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)")


def plain_type(kind: str) -> str:
    """An Arrow type as text; for a dictionary, the type of its values."""
    found = _DICTIONARY.fullmatch(kind)
    return found[1] if found else kind


def kind_of(arrow_type: str) -> Kind:
    """How a condition sees the values of an Arrow type, given as text."""
    plain = plain_type(arrow_type)
    for start, kind in _KINDS:
        if plain.startswith(start):
            return kind
    return "other"


def type_problems(text: str, schema: Mapping[str, str]) -> tuple[str, ...]:
    """Every type error in a condition, in the order of the text.

    Args:
        text: a condition that `parse_condition` accepts.
        schema: column -> Arrow type as text; a column that is missing from it is not checked.
    """
    if null_test(text):
        return ()
    checking = _Checking(schema)
    return tuple(dict.fromkeys(checking.truth(tree_of(text))))


class _Checking:
    """Yields the type errors of a node and of the nodes below it."""

    def __init__(self, schema: Mapping[str, str]) -> None:
        self._schema = schema

    def truth(self, node: Any) -> Iterator[str]:
        """The problems of a node that has to be true or false."""
        if self._kind(node) not in ("boolean", "any"):
            yield f"{self._is(node)}, expected something that is true or false"
        yield from self._below(bare(node))

    def _below(self, node: Any) -> Iterator[str]:
        name = type(node).__name__
        if name in LOGIC:
            for operand in operands(node):
                yield from self.truth(operand)
        elif name in COMPARISONS:
            yield from self._pair(node.this, node.expression)
        elif name == "Between":
            yield from self._pair(node.this, node.args["low"])
            yield from self._pair(node.this, node.args["high"])
        elif name == "In":
            for item in node.expressions:
                yield from self._pair(node.this, item)
        elif name == "Like":
            yield from self._must_be("text", node.this)
        elif name in ARITHMETIC or name == "Neg":
            for operand in operands(node):
                yield from self._must_be("number", operand)

    def _must_be(self, wanted: Kind, node: Any) -> Iterator[str]:
        if self._kind(node) not in (wanted, "any"):
            yield f"{self._is(node)}, expected {_A[wanted]}"
        yield from self._below(bare(node))

    def _pair(self, one: Any, other: Any) -> Iterator[str]:
        """The problems of two nodes that are compared."""
        yield from self._below(bare(one))
        yield from self._below(bare(other))
        kinds = self._kind(one), self._kind(other)
        if "other" in kinds:
            node = one if kinds[0] == "other" else other
            yield f"{self._is(node)}: only is null and is not null can be asked of it"
        elif kinds[0] != kinds[1] and "any" not in kinds:
            yield from self._apart(one, other) if _is_text(other) or not _is_text(one) else self._apart(other, one)

    def _apart(self, one: Any, other: Any) -> Iterator[str]:
        """The problem of comparing two nodes of different kinds; if one is a text literal, it is `other`."""
        if self._kind(one) != "time" or not _is_text(other):
            remedy = _remedy(self._kind(one), other) or _remedy(self._kind(other), one)
            yield f"{self._is(one)} and {_shown(other)} {_A[self._kind(other)]}{f'; write {remedy}' if remedy else ''}"
            return
        try:
            parse_moment(str(bare(other).name))
        except (ValueError, OverflowError):
            yield f"{self._is(one)} and {_shown(other)} is not a date; write it as '2024-01-31' or '2024-01-31T06:00'"

    def _kind(self, node: Any) -> Kind:
        name = kind_of_node(node)
        if name == "Column":
            column = str(bare(node).name)
            return kind_of(self._schema[column]) if column in self._schema else "any"
        if name == "Literal":
            return "text" if bare(node).is_string else "number"
        return "number" if name in ARITHMETIC or name == "Neg" else "boolean"

    def _is(self, node: Any) -> str:
        """'"x" is a number', or the name of the type itself if it is of no kind."""
        kind = self._kind(node)
        return f"{_shown(node)} is {_A.get(kind) or self._schema[str(bare(node).name)]}"


_A: Mapping[Kind, str] = {"number": "a number", "text": "a text", "boolean": "a boolean", "time": "a time"}


def _is_text(node: Any) -> bool:
    return kind_of_node(node) == "Literal" and bool(bare(node).is_string)


def _shown(node: Any) -> str:
    plain = bare(node)
    return f'"{plain.name}"' if type(plain).__name__ == "Column" else str(plain.sql(comments=False))


def _remedy(kind: Kind, literal: Any) -> str:
    """How to write a literal so that it compares with `kind`; "" if nothing is obvious."""
    name, plain = kind_of_node(literal), bare(literal)
    text = str(plain.name) if name == "Literal" else ""
    if kind == "text" and text and not plain.is_string:
        return f"'{text}'"
    if kind == "time" and (digits := _DIGITS.fullmatch(text)):
        return f"'{'-'.join(digits.groups())}'"
    if kind == "number" and plain.args.get("is_string") and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    if kind == "boolean" and text.lower() in ("true", "1", "yes", "false", "0", "no"):
        return "true" if text.lower() in ("true", "1", "yes") else "false"
    return ""
