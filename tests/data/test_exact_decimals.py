"""A decimal column means its digits, wherever a float stands for it, as the same column of a CSV file does."""

from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.data.conditions import parse_condition
from raytemplate.data.exact import to_float64
from raytemplate.data.features.numeric import _transformed
from raytemplate.data.profile.sketch import floats_of
from raytemplate.data.statistics import to_floats
from raytemplate.evaluation.slices import slice_values

DIGITS = st.decimals(-(10**9), 10**9, places=4)


@given(values=st.lists(DIGITS | st.none(), min_size=1), large=st.booleans())
def test_each_becomes_the_nearest_float(values, large):
    kind = pa.decimal256(60, 4) if large else pa.decimal128(20, 4)
    nearest = [None if value is None else float(value) for value in values]
    column = pa.array(values, kind)
    for made in (to_float64(column), _transformed(column, "none"), slice_values(pa.chunked_array([column]))):
        assert made.to_pylist() == nearest
    there = pa.array([value for value in values if value is not None], kind)
    floats = [value for value in nearest if value is not None]
    assert floats_of(there).tolist() == floats and to_floats(pa.chunked_array([there])).tolist() == floats


@pytest.mark.parametrize(
    ("operator", "holds"), [("<", lt), ("<=", le), ("=", eq), ("!=", ne), (">=", ge), (">", gt)], ids=str
)
@given(value=st.integers(-99, 99), limit=st.integers(-99, 99))
def test_a_condition_compares_it_with_what_is_written(operator, holds, value, limit):
    table = pa.table({"rate": pa.array([Decimal(value) / 10], pa.decimal128(4, 1))})
    found = table.filter(parse_condition(f"rate {operator} {limit / 10}").expression(table.schema)).num_rows
    assert bool(found) == holds(value, limit)
