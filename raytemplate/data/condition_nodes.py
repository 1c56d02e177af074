"""The kinds of node in a condition's tree, shared by the code that checks it and the code that lowers it."""

from typing import Any

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


def bare(node: Any) -> Any:
    """The node inside any parentheses."""
    while type(node).__name__ == "Paren":
        node = node.this
    return node


def kind_of_node(node: Any) -> str:
    """The name of a node's sqlglot class, looking through parentheses."""
    return type(bare(node)).__name__


def literal_type(node: Any) -> type | None:
    """`str` or `float` for a literal, including a negative one; None for anything else."""
    inner = bare(node.this) if type(node).__name__ == "Neg" else node
    if type(inner).__name__ != "Literal":
        return None
    return str if inner.is_string else float


def number_of(node: Any) -> int | float:
    """The number that a literal spells."""
    text = str(node.name)
    return int(text) if text.isdigit() else float(text)


def operands(node: Any) -> list[Any]:
    """The one or two nodes that an operator applies to."""
    return [node.args[key] for key in ("this", "expression") if node.args.get(key) is not None]
