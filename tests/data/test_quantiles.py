"""Quantile profiles: the same whatever the order, exact while few, close when many."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data import quantiles
from raytemplate.data.quantiles import (
    QuantileProfile,
    inner_quantiles,
    merge_quantiles,
    middle_ranks,
    quantile_profile,
)
from raytemplate.records.codec import dumps, loads

anything = st.lists(st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -0.0, 1.0, 1e308])), max_size=60)


def of(values) -> QuantileProfile:
    return quantile_profile(pa.chunked_array([pa.array(values, pa.float64())]), "number")


@settings(deadline=None, max_examples=100)
@given(anything, anything, anything, st.sampled_from([4096, 4100]))
def test_merging_is_order_free_to_the_bit_and_equal_to_one_pass(a, b, c, most) -> None:
    whole = of(a + b + c)
    assert merge_quantiles(merge_quantiles(of(a), of(b)), of(c)) == whole
    assert merge_quantiles(of(c), merge_quantiles(of(b), of(a))) == whole
    assert loads(QuantileProfile, dumps(whole)) == whole
    assert sum(whole.counts) + whole.num_null + whole.num_nonfinite == whole.num_rows


@pytest.mark.parametrize("scale", [0.001, 5.0, 1e12], ids=str)
def test_merging_past_the_bound_is_order_free_to_the_bit(scale: float) -> None:
    values = np.random.default_rng(7).normal(1, scale, 60_000)
    whole, parts = of(values), [of(part) for part in np.array_split(values, 13)]
    found = parts[0]
    for part in parts[1:]:
        found = merge_quantiles(found, part)
    back = parts[-1]
    for part in parts[-2::-1]:
        back = merge_quantiles(part, back)
    assert found == back == whole
    assert len(whole.bins) <= quantiles.MAX_BINS and whole.shift > 0


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(0, 5, 100_000),
        np.random.default_rng(1).uniform(990, 1030, 100_000),
        np.random.default_rng(1).exponential(1e9, 100_000),
        -np.random.default_rng(1).exponential(1e-9, 100_000),
    ],
    ids=["normal", "pressure", "large", "small"],
)
def test_quantiles_of_many_numbers_cut_equal_parts(values) -> None:
    edges = inner_quantiles(of(values), 20)
    shares = np.bincount(np.searchsorted(edges, values, side="right"), minlength=20) / len(values)
    assert len(edges) == 19
    assert np.abs(shares - 0.05).max() < 0.003


def test_few_numbers_are_kept_as_they_are() -> None:
    found = of([3.0, 1.0, -2.5, 1.0, math.inf, math.nan, None, -0.0])
    assert found.middles().tolist() == found.lowest().tolist() == [-2.5, 0.0, 1.0, 3.0]
    assert (found.counts, found.num_null, found.num_nonfinite, found.shift) == ((1, 1, 2, 1), 2, 1, 0)


def test_a_value_that_fills_several_parts_is_an_edge_once() -> None:
    assert inner_quantiles(of([0.0] * 90 + [1.0, 2.0] * 5), 10) == (1.0,)
    assert inner_quantiles(of([7.0] * 90), 10) == inner_quantiles(of([None]), 10) == ()


def test_ranks_are_shares_below_and_half_of_the_own() -> None:
    values, ranks = middle_ranks(of([1.0, 2.0, 2.0, 3.0]), 256)
    assert (values.tolist(), ranks.tolist()) == ([1.0, 2.0, 3.0], [0.125, 0.5, 0.875])
    many, spread = middle_ranks(of(np.arange(10_000.0)), 256)
    assert len(many) <= 258 and np.abs(spread - many / 10_000).max() < 0.001
