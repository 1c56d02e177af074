"""How a condition and the names in it are written: parsing the text to one tree, and quoting column names.

Text is in single quotes. A column's name may be in double quotes, and must be if it is not a plain word or is a SQL
keyword: "total amount", "select". A double quote inside a name is doubled.
"""

import re
from functools import lru_cache
from typing import Any, cast

from raytemplate.data.condition_simple import simple_tree

_MAX_CHARS = 2_000
_MAX_GUESSES = 20
_NULL_TEST = re.compile(
    r'\s*(?:(?P<plain>[a-z_][a-z0-9_]*)\s|"(?P<quoted>(?:[^"]|"")+)")\s*is\s+(?P<no>not\s+)?null\s*',
    re.IGNORECASE | re.ASCII,
)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE | re.ASCII)
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_OPERATORS = r"(?:and|or|not|is|in|between|like|null|true|false)\b"
_NAMES = re.compile(rf"\b(?!{_OPERATORS}|\d+\s)\w+(?:\s+(?!{_OPERATORS})\w+)*", re.IGNORECASE)
_NO_COLUMNS = frozenset(
    ("null", "true", "false", "not", "case", "select", "exists", "interval", "current_date", "current_time")
)


def in_condition(column: str) -> str:
    """A column's name as written in a condition: in double quotes if it would otherwise not be read as a column."""
    return column if _PLAIN_NAME.fullmatch(column) and _reads_as_column(column) else quoted(column)


def quoted(column: str) -> str:
    """A name in double quotes."""
    return '"' + column.replace('"', '""') + '"'


def unquoted(name: str) -> str:
    """The name that `quoted` was given, from the text between its double quotes."""
    return name.replace('""', '"')


@lru_cache(maxsize=1024)
def _reads_as_column(word: str) -> bool:
    """Whether a word is parsed as a column in every position where a column is allowed."""
    tests = (
        "{} is null", "{} > 0 and not {}", "not {} in (1)", "{} like 'a' or {}", "1 < - {}", "{} between 1 and {}",
        "{} = '1'", "{} < 3", "{} < 3 and {} > 1", "{} > 1 and {} < 3", "{} <= {} or {} <> 2",
    )  # fmt: skip
    texts = [form.replace("{}", word) for test in tests for form in (test, f"({test})")]
    if word.lower() in _NO_COLUMNS:
        return False
    try:
        trees = [tree for text in texts for tree in _trees(text, hint=False) if tree is not None]
    except ValueError:
        return False
    nodes = [node for tree in trees for node in tree.walk() if type(node).__name__ == "Column"]
    return [node.name for node in nodes] == [word] * 2 * "".join(tests).count("{}")


def null_test(text: str) -> tuple[str, bool] | None:
    """(column, whether the test is `is not null`) for a condition such as "air_time is null", by far the commonest.

    Parsed without sqlglot, whose import takes a third of the time of `check`.
    """
    match = _NULL_TEST.fullmatch(text)
    if match is None or (match["plain"] or "").lower() in _NO_COLUMNS:
        return None
    return match["plain"] or unquoted(match["quoted"]), match["no"] is not None


@lru_cache(maxsize=64)
def tree_of(text: str) -> Any:
    """The one expression in `text`, as sqlglot has it. It is cached: callers must not change it."""
    if len(text) > _MAX_CHARS:
        raise refusal(f"{text[:60]}...", f"it has {len(text):,} characters, at most {_MAX_CHARS:,} are read")
    if (simple := simple_tree(text)) is not None:
        return simple
    trees = _trees(text, hint=True)
    if len(trees) > 1:
        raise refusal(text, "it is more than one statement")
    if not trees or trees[0] is None:
        raise refusal(text, "it is empty")
    return trees[0]


def _trees(text: str, *, hint: bool) -> list[Any]:
    """Every statement in `text`. With `hint`, an error suggests what to quote; finding that calls this without."""
    import logging

    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # whatever it warns about, our own errors refuse
    try:
        return sqlglot.parse(text)
    except RecursionError:
        raise refusal(text, "it is nested too deep") from None
    except SqlglotError as error:
        raise refusal(text, _unreadable(error) + (meant(text) if hint else "")) from None


def _unreadable(error: Exception) -> str:
    details = cast("list[dict[str, Any]]", getattr(error, "errors", None) or [{}])[0]
    near = str(details.get("highlight") or "").strip()
    return f"it cannot be read at '{near}'" if near else "it cannot be read"


def meant(text: str) -> str:
    """A hint to quote the name that may be why a condition cannot be read; "" if there is no such name."""
    names = [found[0] for found in _NAMES.finditer(_QUOTED.sub("''", text)) if not found[0].isdigit()]
    name = next((one for one in names if not _reads_as_column(one)), "") if len(names) < _MAX_GUESSES else ""
    return f"; put a name that has blanks or is a SQL keyword in double quotes: {quoted(name)}" if name else ""


def refusal(text: str, trouble: str) -> ValueError:
    """The error for text that is not a condition, or not an allowed one."""
    return ValueError(f'got "{text}", expected a SQL condition over columns such as "air_time is null"; {trouble}')
