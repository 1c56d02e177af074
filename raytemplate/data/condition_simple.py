"""Comparisons of columns with literals, joined by `and` and `or`: parsed here, because importing sqlglot takes a tenth
of a second. The tree has the form of sqlglot's, as far as the rest of the program looks at it. Whatever is not as
simple is left to sqlglot.
"""

import re
from collections.abc import Iterator
from typing import Any

_OPERATORS = {"=": "EQ", "<>": "NEQ", "!=": "NEQ", "<": "LT", "<=": "LTE", ">": "GT", ">=": "GTE"}
_WRITTEN = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">=", "And": "AND", "Or": "OR"}
_COMPARISON = re.compile(
    r'\s*(?:(?P<plain>[a-z_][a-z0-9_]*)|"(?P<quoted>(?:[^"]|"")+)")\s*'
    r"(?P<operator><=|>=|<>|!=|=|<|>)\s*(?:(?P<minus>-)?(?P<number>\d{1,15}(?:\.\d{1,15})?)|'(?P<text>[^'\\\n]*)')(?=\s|$)\s*",
    re.IGNORECASE | re.ASCII,
)
_JOINT = re.compile(r"(and|or)(?=\s)", re.IGNORECASE | re.ASCII)
_MOST = 20
_WORDS_OF_SQL = frozenset(
    re.findall(
        r"\w+",
        """alter analyze and any array as begin between cache call case comment commit connect_by_root copy create cross
        current_catalog current_date current_time current_timestamp current_user delete desc describe distinct drop else
        except execute exists explain false fetch for from glob grant having if ilike in inner insert intersect interval
        into is join kill lateral like list load localtime localtimestamp map merge not notnull null nullable object on
        optimize or outer partitioned_by pivot pragma prepare qualify range regexp rename returning revoke rlike
        rollback select session_user set show straight_join struct table tablesample then true truncate uncache
        union unpivot update use using vacuum values when where with xor""",
    )
)
"""Words that sqlglot does not read as a column everywhere."""


class _Node:
    """A node with what callers use of sqlglot's nodes; subclasses have the names of its classes."""

    parent: Any = None

    def __init__(self, **args: Any) -> None:
        self.args = args
        for value in args.values():
            if isinstance(value, _Node):
                value.parent = self

    @property
    def this(self) -> Any:
        return self.args.get("this")

    @property
    def expression(self) -> Any:
        return self.args.get("expression")

    @property
    def expressions(self) -> list[Any]:
        return []

    @property
    def is_string(self) -> bool:
        return bool(self.args.get("is_string"))

    @property
    def name(self) -> str:
        inner = self.this.this if type(self.this).__name__ in ("Identifier", "Literal") else self.this
        return inner if isinstance(inner, str) else ""

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else int(self.parent.depth) + 1

    def walk(self, bfs: bool = True) -> Iterator[Any]:
        waiting: list[Any] = [self]
        while waiting:
            node = waiting.pop(0)
            yield node
            below = [value for value in node.args.values() if isinstance(value, _Node)]
            waiting = [*waiting, *below] if bfs else [*below, *waiting]

    def sql(self, **_: Any) -> str:
        kind = type(self).__name__
        if kind in _WRITTEN:
            return f"{self.this.sql()} {_WRITTEN[kind]} {self.expression.sql()}"
        if kind == "Identifier" and self.args["quoted"]:
            return '"' + self.name.replace('"', '""') + '"'
        if self.is_string:
            return f"'{self.name}'"
        return f"-{self.this.sql()}" if kind == "Neg" else self.this.sql() if kind == "Column" else self.name


_CLASSES = {name: type(name, (_Node,), {}) for name in (*_WRITTEN, "Column", "Identifier", "Literal", "Neg")}


def simple_tree(text: str) -> Any:
    """The tree of a condition such as "month < 5 or temp >= 30"; None if it is not as simple as that."""
    alternatives: list[Any] = []
    joint, at, number = "or", 0, 0
    while match := _COMPARISON.match(text, at):
        number += 1
        if (match["plain"] or "").lower() in _WORDS_OF_SQL or number > _MOST:
            return None
        found = _comparison(match)
        if joint == "and":
            alternatives[-1] = _CLASSES["And"](this=alternatives[-1], expression=found)
        else:
            alternatives.append(found)
        at = match.end()
        if at == len(text):
            return _any(alternatives)
        after = _JOINT.match(text, at)
        if after is None:
            return None
        joint, at = after[1].lower(), after.end()
    return None


def _any(alternatives: list[Any]) -> Any:
    tree = alternatives[0]
    for other in alternatives[1:]:
        tree = _CLASSES["Or"](this=tree, expression=other)
    return tree


def _comparison(match: re.Match[str]) -> Any:
    quoted = match["quoted"]
    name = match["plain"] if quoted is None else quoted.replace('""', '"')
    column = _CLASSES["Column"](this=_CLASSES["Identifier"](this=name, quoted=quoted is not None))
    is_text = match["text"] is not None
    literal = _CLASSES["Literal"](this=match["text"] if is_text else match["number"], is_string=is_text)
    number = _CLASSES["Neg"](this=literal) if match["minus"] else literal
    return _CLASSES[_OPERATORS[match["operator"]]](this=column, expression=number)
