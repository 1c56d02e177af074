"""A value is read the same way whatever its type or format, and whatever the other rows."""

import sys
from decimal import Decimal

import numpy as np
import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.data.missing import is_missing
from raytemplate.data.sources.as_read import as_read, word_of
from raytemplate.data.sources.text.rules import Rules
from raytemplate.store.frames import table_of

RULES = Rules(missing=("NA", "-999", "-9223372036854775807", "1e3", "inf"))
WORDS = ("number", "integer", "text", "boolean", "time")
WHOLE = (-999, -998, 0, 1, 1000, 2**53 + 1, -(2**63) + 1, -(2**63) + 2)
FLOATS = (-999.0, -0.0, 0.5, 1.0, 1000.0, 123456789012.0, 1e15, 1e20, 2.5, float("nan"), float("inf"), float("-inf"))
COLUMNS = {
    "int64": (pa.int64(), WHOLE), "int8": (pa.int8(), (0, 1, -1)), "uint64": (pa.uint64(), (0, 1, 2**64 - 1)),
    "double": (pa.float64(), FLOATS), "float": (pa.float32(), FLOATS[:5]), "halffloat": (pa.float16(), FLOATS[:5]),
    "decimal": (pa.decimal128(10, 2), (Decimal("-999"), Decimal("1.00"), Decimal("0.5"))),
    "bool": (pa.bool_(), (True, False)), "string": (pa.string(), ("NA", " a ", "", "\u00a0", "1", "-999.0")),
    "string_view": (pa.string_view(), ("NA", " a ", "", "\x1f", "1")),
}  # fmt: skip


def taken(values, kind, word=""):
    """The values as they are read, or the message of the refusal."""
    plain = [np.float16(value) for value in values] if kind == pa.float16() else values
    column = pa.array(values).cast(kind) if kind == pa.string_view() else pa.array(plain, kind)
    return as_read(pa.table({"c": column}), RULES, {"c": word}).column("c")


@pytest.mark.parametrize("word", ["", *WORDS])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_value_is_taken_alike_whatever_rows_are_beside_it(name, word):
    kind, values = COLUMNS[name]
    alone = {}
    for value in values:
        try:
            alone[str(value)] = taken([value], kind, word)[0].as_py()
        except Exception as error:
            assert f"column c is {'' if 'string' not in name else chr(34)}" in str(error), repr(error)
    together = [value for value in values if str(value) in alone]
    if together and word != "integer":  # those are as wide as the widest
        found = taken(together, kind, word)
        assert list(map(str, found.to_pylist())) == [str(alone[str(value)]) for value in together]
        again = as_read(pa.table({"c": found}), RULES, {"c": word}).column("c")
        assert str(again.to_pylist()) == str(found.to_pylist())


@pytest.mark.parametrize(
    ("values", "kind", "word", "right"),
    [
        ([1e15, 0.5, -0.0, 123456789012.0], pa.float64(), "text", ["1000000000000000", "0.5", "0", "123456789012"]),
        ([-999, 7], pa.int64(), "text", [None, "7"]),
        (WHOLE, pa.int64(), "", [None, -998, 0, 1, None, 2**53 + 1, None, -(2**63) + 2]),
        ([float("inf"), float("-inf"), 1000.0], pa.float64(), "", [None, float("-inf"), None]),
        ([Decimal("-999.00"), Decimal("1.25")], pa.decimal128(10, 2), "", [None, Decimal("1.25")]),
        (["\x1f a\x85", "\x1c", "NA\u2003"], pa.string(), "", ["a", None, None]),
    ],
    ids=["digits", "missing, then text", "exactly", "endless", "decimal", "blanks"],
)
def test_values_are_taken_so(values, kind, word, right):
    assert taken(values, kind, word).to_pylist() == right


@pytest.mark.parametrize("word", ["1_000", "\uff11\uff10\uff10\uff10", "\u0661\u0660\u0660\u0660", "0x3e8"])
def test_a_word_that_spells_a_number_otherwise_than_a_file_may_is_no_number(word):
    found = as_read(pa.table({"c": [1000, 1]}), Rules(missing=(word,)))
    assert found.column("c").to_pylist() == [1000, 1]


def test_what_is_blank_to_one_is_blank_to_all():
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    column = pa.chunked_array([pa.array(signs)])
    missing = is_missing(column).to_pylist()
    assert missing == as_read(pa.table({"c": column}), Rules()).column("c").is_null().to_pylist()
    assert missing == [not sign.strip() for sign in signs]


@given(st.lists(st.one_of(st.none(), st.sampled_from(["a", " a", "", "NA", "b", "1"])), min_size=1, max_size=8))
def test_coded_text_is_taken_as_plain_text(values):
    plain = as_read(pa.table({"c": pa.array(values, pa.string())}), RULES).column("c").to_pylist()
    frame = polars.DataFrame({"c": values}, schema={"c": polars.String})
    categories = polars.Enum(["a", " a", "", "NA", "b", "1"])
    for dress in (frame, frame.cast(polars.Categorical), frame.cast(categories)):
        assert as_read(table_of(dress), RULES).column("c").to_pylist() == plain
    coded = pa.table({"c": pa.array(values, pa.string()).dictionary_encode()})
    assert as_read(coded, RULES).column("c").to_pylist() == plain


def test_long_whole_numbers_of_polars_are_exact():
    frame = polars.DataFrame({"n": [2**64, -1]}, schema={"n": polars.Int128})
    assert table_of(frame).column("n").to_pylist() == [Decimal(2**64), Decimal(-1)]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("dictionary<values=decimal128(38, 0), indices=int32, ordered=0>", "integer"),
        ("halffloat", "number"),
        ("dictionary<values=string_view, indices=uint32, ordered=0>", "text"),
        ("list<item: int8>", ""),
    ],
)
def test_a_type_is_called_as_in_a_contract(kind, word):
    assert word_of(kind) == word
