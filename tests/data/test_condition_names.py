"""Names of columns in conditions and targets: quoted if they would be read as something else."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.tokens import Tokenizer

from raytemplate.data import condition_text
from raytemplate.data.condition_text import in_condition
from raytemplate.data.conditions import as_target, is_condition, parse_condition, target_columns
from raytemplate.data.target import add_target

AWKWARD = (
    "total amount", "order", "select", "and", "is", "null", "true", "interval", "a.b", "a-b", "#x", "1st", "größe",
    'a"b', '"', "it's", "x = 1", "a;b", "--", "/* a */", " lead", "y\n", "CASE", "current_date",
)  # fmt: skip
FORMS = (
    "{0} is null", "{0} is not null", "not {0} = 1", "{0} > 1 and {0} < 3", "{0} in (1, 2) or {0} is null",
    "1 < - {0}", "({0}) between 1 and 2", "{0} like 'a'", "{0} = '1'",
)  # fmt: skip
KEYWORDS = sorted(filter(str.isidentifier, map(str.lower, Tokenizer.KEYWORDS)))
NAMES = st.one_of(
    st.sampled_from(AWKWARD),
    st.sampled_from(KEYWORDS),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20),
)


@settings(deadline=None)  # the first import of sqlglot takes longer than hypothesis allows an example
@given(name=NAMES, form=st.sampled_from(FORMS))
def test_any_name_is_read_back_from_a_condition(name, form):
    assert parse_condition(form.format(in_condition(name))).columns == (name,)


@pytest.mark.parametrize("form", FORMS)
def test_every_keyword_of_sql_is_read_back_from_a_condition(form):
    assert [parse_condition(form.format(in_condition(name))).columns for name in KEYWORDS] == [(n,) for n in KEYWORDS]


def test_a_word_that_cannot_be_read_is_tried_without_a_hint_about_itself(monkeypatch):
    """Finding a hint must not look for hints again, until the stack overflows."""
    monkeypatch.setattr(condition_text, "meant", lambda text: pytest.fail(f"a hint for {text}"))
    condition_text._reads_as_column.cache_clear()
    assert [in_condition(word) for word in ("with", "using", "in order")] == ['"with"', '"using"', '"in order"']


@settings(deadline=None)  # the first import of sqlglot takes longer than hypothesis allows an example
@given(name=NAMES)
def test_any_name_is_read_back_as_a_target(name):
    written = as_target(name)
    assert not is_condition(written)
    assert target_columns(written) == (name,)


@pytest.mark.parametrize("name", ["x", "air_time", "order", "date", "Type"])
def test_plain_words_stand_as_they_are(name):
    assert in_condition(name) == name


@pytest.mark.parametrize("name", ["total amount", "select", "1st", 'a"b'])
def test_a_name_in_quotes_matches_its_rows(name):
    table = pa.table({name: [1, 2, None]})
    written = in_condition(name)
    for text, rows in ((f"{written} > 1", 1), (f"{written} is null", 1), (f"{written} is not null", 2)):
        assert table.filter(parse_condition(text).expression(table.schema)).num_rows == rows


MEANT = {
    "total amount > 5": "it cannot be read at '>'",
    "total amount is null": "it cannot be read at 'is'",
    "x = 2 and rate per hour > 5": "it cannot be read at 'hour'",
    "total amount": "total AS amount is not allowed",
    "select > 1": "it cannot be read at '1'",
    "1st > 1": "it cannot be read at '>'",
}


@pytest.mark.parametrize(("text", "trouble"), MEANT.items(), ids=MEANT)
def test_how_the_name_is_written_that_was_meant(text, trouble):
    with pytest.raises(ValueError) as caught:
        parse_condition(text)
    name = {"x = 2 and rate per hour > 5": "rate per hour"}.get(text, text.partition(" >")[0].removesuffix(" is null"))
    hint = f'put a name that has blanks or is a SQL keyword in double quotes: "{name}"'
    assert str(caught.value).endswith(f"; {trouble}; {hint}")


def test_a_target_in_quotes_is_the_column():
    table = pa.table({"time in bed": [1, 2]})
    assert add_target(table, '"time in bed"').column('"time in bed"').to_pylist() == [1, 2]
