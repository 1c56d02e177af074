"""Rows without a time: on which side a row is depends on the row alone."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.data.split import Split, row_hashes, sides
from raytemplate.errors import DataError
from raytemplate.records import codec

NUM_ROWS = 20_000
SPLIT = Split(validation=0.15, test=0.1, seed=0, columns=("name", "x"), by_keys=False)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pa.table({"name": [f"n{n % 977}" for n in range(NUM_ROWS)], "x": rng.normal(size=NUM_ROWS)})


def test_the_shares_are_those_that_were_asked_for(table):
    counts = np.bincount(sides(table, SPLIT)) / NUM_ROWS
    assert counts == pytest.approx([0.75, 0.15, 0.1], abs=0.01)


def test_no_row_changes_sides_when_rows_are_reordered_or_added(table):
    order = np.random.default_rng(1).permutation(NUM_ROWS)
    more = pa.concat_tables([table.slice(0, 100), table.take(order).select(["x", "name"]).select(["name", "x"])])
    found = sides(more, SPLIT)
    assert np.array_equal(found[100:], sides(table, SPLIT)[order])
    assert np.array_equal(found[:100], sides(table, SPLIT)[:100])


def test_another_seed_puts_rows_on_other_sides(table):
    other = Split(validation=0.15, test=0.1, seed=1, columns=("name", "x"), by_keys=False)
    same = (sides(table, SPLIT) == sides(table, other)).mean()
    assert same == pytest.approx(0.75**2 + 0.15**2 + 0.1**2, abs=0.02)
    assert other.id != SPLIT.id and len(SPLIT.id) == 12


@given(st.lists(st.integers(-(2**40), 2**40) | st.none(), min_size=1, max_size=20))
def test_a_number_counts_whatever_type_its_file_has(values):
    whole = row_hashes(pa.table({"x": pa.array(values, pa.int64())}), ["x"], 7)
    broken = row_hashes(pa.table({"x": pa.array(values, pa.float64())}), ["x"], 7)
    assert np.array_equal(whole, broken)


@pytest.mark.parametrize(
    "values",
    [
        [True, None],
        [b"a", None],
        ["é", None],
        [datetime(2013, 1, 1, tzinfo=UTC), None],
        [Decimal("1.5"), None],
        [datetime(2013, 1, 1).date(), None],
    ],
    ids=["bool", "bytes", "text", "time", "decimal", "date"],
)
def test_every_plain_type_has_a_hash(values):
    found = row_hashes(pa.table({"x": values}), ["x"], 0)
    assert found[0] != found[1] == row_hashes(pa.table({"x": pa.nulls(1)}), ["x"], 0)[0]


def test_the_hash_is_written_down():
    """Known values: a change would put rows that a champion was trained on into its test."""
    rows = pa.table({"name": ["a", "b"], "x": [1.0, None]})
    assert row_hashes(rows, ["x", "name"], 0).tolist() == row_hashes(rows, ["name", "x"], 0).tolist() == KNOWN


KNOWN = [3714004227459491079, 3891590025536341216]


def test_a_split_made_before_keeps_its_id_and_counts_values_as_they_stand():
    """Known values of the earlier version: blank and padded text, and whole numbers that no float64 equals."""
    before = Split(validation=0.15, test=0.1, seed=3, columns=("a", "b"), by_keys=True)
    assert before.id == "b91ecedc076b" != replace(before, kinds=("number", "text")).id
    assert codec.loads(Split, codec.dumps(before)) == before
    rows = {
        "s": pa.array(["red  ", "", "  ", None]).dictionary_encode(),
        "n": pa.array([2**53, 2**53 + 1, -(2**63), 7], pa.int64()), "f": pa.array([1.5, float("nan"), None, -0.0]),
    }  # fmt: skip
    found = {name: row_hashes(pa.table({name: rows[name]}), [name], 0, as_it_stands=True).tolist() for name in rows}
    assert found == BEFORE


@given(st.lists(st.decimals(-(10**4), 10**4, places=2), min_size=1, max_size=50))
def test_a_decimal_is_split_like_the_same_digits_in_a_csv_file(values):
    split = replace(SPLIT, columns=("x",), kinds=("number",), exact_decimals=True)
    exact = pa.table({"x": pa.array(values, pa.decimal128(8, 2))})
    assert np.array_equal(sides(exact, split), sides(pa.table({"x": [float(one) for one in values]}), split))


def test_a_split_made_before_keeps_its_id_and_rounds_decimals_as_arrow_does():
    before = replace(SPLIT, columns=("x",), kinds=("number",))
    assert before.id == "05040230eb8f" != replace(before, exact_decimals=True).id
    cents = pa.array([Decimal(n).scaleb(-2) for n in range(3000)], pa.decimal128(8, 2))
    rounded = pa.table({"x": cents.cast(pa.float64())})
    assert np.array_equal(sides(pa.table({"x": cents}), before), sides(rounded, before))
    assert not np.array_equal(
        sides(pa.table({"x": cents}), before), sides(pa.table({"x": cents}), replace(before, exact_decimals=True))
    )


BEFORE = {
    "s": [3987575101495141598, 16277350656890936687, 10491862059758801830, 3143205486371684980],
    "n": [2681842191492095544, 2681842191492095544, 6957977088456140071, 17546704510331755225],
    "f": [13243587322983631901, 9443741076271269693, 9443741076271269693, 6630653462183017189],
}


def test_lists_ask_for_keys():
    with pytest.raises(DataError, match="column x holds list") as refused:
        row_hashes(pa.table({"x": [[1]]}), ["x"], 0)
    assert refused.value.next_step.startswith("set data.keys")
