"""Simple conditions are parsed without sqlglot, into what sqlglot makes of them."""

from __future__ import annotations

import pyarrow as pa
import pytest
import sqlglot
from sqlglot.tokens import Tokenizer

from raytemplate.data.condition_lowering import Lowering
from raytemplate.data.condition_simple import simple_tree
from raytemplate.data.conditions import parse_condition

SCHEMA = pa.schema([("a", pa.int64()), ("b c", pa.float64()), ("month", pa.int32()), ("t", pa.string())])
SIMPLE = (
    "a <= 120", "a<5", '"b c" >= -1.5', "month < 5 or month > 9 or a >= 30", "a = 1 and a <> 2 or month != 3 and a > 0",
    "t = 'it is' or t < ''", "a >= 30 or t < '2013-05-01'", " A = 007 ", 'a > 1\nAND "b c" < 2.50',
)  # fmt: skip
OTHERS = (
    "a", "a < b", "t = 'it''s'", "(a < 1)", "not a < 1", "a < 1 and", "a < 1 a > 2", "a < 1;", "a < 1e3",
    "a < 1 xor a > 2", "a + 1 < 2", "a between 1 and 2", "a < 1 or t is null", "a < 1.", "a <1and a>2", "a == 1",
)  # fmt: skip


@pytest.mark.parametrize("text", SIMPLE)
def test_a_simple_condition_is_what_sqlglot_makes_of_it(text):
    ours, theirs = simple_tree(text), sqlglot.parse_one(text)
    assert str(Lowering(SCHEMA).truth(ours)) == str(Lowering(SCHEMA).truth(theirs))
    for bfs in (True, False):
        pairs = zip(ours.walk(bfs=bfs), theirs.walk(bfs=bfs), strict=True)
        assert all((type(a).__name__, a.name, a.depth) == (type(b).__name__, b.name, b.depth) for a, b in pairs)
    assert ours.sql() == theirs.sql()
    assert parse_condition(text).columns


@pytest.mark.parametrize("text", OTHERS)
def test_anything_else_is_left_to_sqlglot(text):
    assert simple_tree(text) is None


def test_no_word_is_a_column_here_that_is_none_for_sqlglot():
    for word in {word.lower() for word in Tokenizer.KEYWORDS if word.isidentifier()}:
        text = f"{word} < 3 or {word} > 5"
        if simple_tree(text) is not None:
            assert [one.name for one in sqlglot.parse_one(text).find_all(sqlglot.exp.Column)] == [word, word]
