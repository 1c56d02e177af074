from functools import reduce
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.evaluation import baselines
from raytemplate.evaluation.baselines import BaselineState, fit_baseline, merge
from raytemplate.evaluation.options import BaselineSpec

BY_ROUTE = BaselineSpec(median_by=("origin", "dest")).model_dump()


def flights(num_rows=20_000, seed=0, whole=False):
    """Rows with an origin, a destination and a positive target."""
    rng = np.random.default_rng(seed)
    minutes = rng.lognormal(4.5, 0.5, num_rows)
    origin = rng.choice(["EWR", "JFK", "LGA"], num_rows)
    dest = rng.choice(["ATL", "BOS", "IAH", "SFO"], num_rows)
    return pa.table({"origin": origin, "dest": dest, "air_time": np.round(minutes) if whole else minutes})


def exact(table, function):
    frame = table.to_pandas()
    return frame.groupby(["origin", "dest"])["air_time"].transform(function).to_numpy()


def test_median_is_exact_for_whole_numbers():
    table = flights(whole=True)
    assert (fit_baseline(table, BY_ROUTE, "air_time").predict(table) == exact(table, "median")).all()


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.float32(), pa.decimal128(38, 0), pa.bool_()], ids=str)
def test_a_target_may_be_any_number_and_a_missing_one_is_left_out(kind):
    large = [1, 1, 0] if kind == pa.bool_() else [2**53 + 1, 2**60, 7]
    table = pa.table({"origin": ["a", "a", "b", "b"], "y": pa.array([*large, None], pa.int64()).cast(kind, safe=False)})
    state = fit_baseline(table, BaselineSpec(mean_by=("origin",)).model_dump(), "y")
    assert state.predict(table).tolist() == pytest.approx([np.mean(large[:2])] * 2 + [large[2]] * 2, rel=1e-7)


@pytest.mark.parametrize("num_rows", [12, 100, 3000, 40_000])
def test_median_is_within_its_error(num_rows):
    table = flights(num_rows)
    state = fit_baseline(table, BY_ROUTE, "air_time")
    error = np.abs(state.predict(table) / exact(table, "median") - 1).max()
    assert error <= state.relative_error <= 0.002


@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.9, 0.975])
def test_a_quantile_is_that_of_its_group(quantile):
    table = flights(whole=True)
    state = fit_baseline(table, {"quantile_by": ["origin", "dest"], "quantile": quantile}, "air_time")
    assert state.predict(table) == pytest.approx(exact(table, lambda group: group.quantile(quantile)), rel=1e-12)
    assert BaselineState.from_json(state.to_json()).predict(table).tolist() == state.predict(table).tolist()


def test_mean_is_the_mean():
    table = flights()
    state = fit_baseline(table, BaselineSpec(mean_by=("origin", "dest")).model_dump(), "air_time")
    assert state.predict(table) == pytest.approx(exact(table, "mean"), rel=1e-12)
    assert state.relative_error == 0.0


def test_cells_stay_bounded_and_the_error_says_so(monkeypatch):
    monkeypatch.setattr(baselines, "MAX_CELLS", 2_000)
    table = flights(40_000)
    state = fit_baseline(table, BY_ROUTE, "air_time")
    assert len(state.cells) <= 2_000 and state.level > 0
    assert np.abs(state.predict(table) / exact(table, "median") - 1).max() <= state.relative_error


def test_too_many_groups_are_refused(monkeypatch):
    monkeypatch.setattr(baselines, "MAX_CELLS", 5)
    for setting in ("median_by", "mean_by"):
        with pytest.raises(ValueError, match=r"^a baseline by origin, dest has over 5 groups: group by fewer columns$"):
            fit_baseline(flights(), {setting: ["origin", "dest"]}, "air_time")


def test_groups_never_seen_get_the_overall_value():
    train = pa.table({"origin": ["EWR", "EWR", "JFK", None], "air_time": [10.0, 20.0, 90.0, 40.0]})
    state = fit_baseline(train, {"median_by": ["origin"]}, "air_time")
    asked = pa.table({"origin": ["EWR", "SFO", None, "JFK"]})
    assert state.predict(asked).tolist() == [15.0, 30.0, 40.0, 90.0]
    without_null = fit_baseline(train.slice(0, 3), {"median_by": ["origin"]}, "air_time")
    assert without_null.predict(asked).tolist() == [15.0, 20.0, 20.0, 90.0]


def test_no_columns_means_one_group():
    table = pa.table({"air_time": [-3.0, -1.0, 0.0, 2.0, 50.0]})
    assert fit_baseline(table, {"median_by": []}, "air_time").predict(table).tolist() == [0.0] * 5
    assert fit_baseline(table, {"mean_by": ()}, "air_time").predict(table) == pytest.approx([9.6] * 5)


def test_key_types_do_not_matter():
    train = pa.table({"flight": pa.array([1, 2], pa.int32()), "air_time": pa.array([5, 7], pa.int16())})
    asked = pa.table({"flight": pa.array([2, 1], pa.int64())})
    assert fit_baseline(train, {"median_by": ["flight"]}, "air_time").predict(asked).tolist() == [7.0, 5.0]
    names = pa.array(["a", "b"]).dictionary_encode()
    coded = fit_baseline(pa.table({"k": names, "y": [1.0, 2.0]}), {"mean_by": ["k"]}, "y")
    assert coded.predict(pa.table({"k": ["b", "a"]})).tolist() == [2.0, 1.0]


def test_rows_without_target_are_left_out():
    table = pa.table({"air_time": [1.0, None, float("nan"), float("inf"), 3.0]})
    state = fit_baseline(table, {"median_by": []}, "air_time")
    assert (state.num_rows, state.predict(table).tolist()) == (2, [2.0] * 5)


def test_empty_state_predicts_nan_and_merges_away():
    table = flights(100)
    empty = fit_baseline(table.slice(0, 0), BY_ROUTE, "air_time")
    assert np.isnan(empty.predict(table)).all()
    full = fit_baseline(table, BY_ROUTE, "air_time")
    assert merge(empty, full).cells.equals(full.cells)


def test_json_gives_an_equal_state_back():
    state = fit_baseline(flights(500), BY_ROUTE, "air_time")
    back = BaselineState.from_json(state.to_json())
    assert (back.rule, back.by, back.level) == (state.rule, state.by, state.level)
    assert back.cells.equals(state.cells) and back.to_json() == state.to_json()


def test_only_the_same_baseline_merges():
    median, mean = (fit_baseline(flights(10), {rule: ["origin"]}, "air_time") for rule in ("median_by", "mean_by"))
    with pytest.raises(ValueError, match=r"^cannot merge quantile by"):
        merge(median, mean)


ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.floats(-1e9, 1e9)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=4), rule=st.sampled_from(["median_by", "mean_by"]))
def test_merging_in_any_order_is_fitting_at_once(rows, cuts, rule):
    table = pa.table({"k": pa.array([k for k, _ in rows], pa.string()), "y": pa.array([y for _, y in rows])})
    ends = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    parts = [fit_baseline(table.slice(a, b - a), {rule: ["k"]}, "y") for a, b in pairwise(ends)]
    whole = fit_baseline(table, {rule: ["k"]}, "y")
    for order in (parts, parts[::-1]):
        merged = reduce(merge, order)
        assert merged.cells.drop(["sum"]).equals(whole.cells.drop(["sum"]))
        assert merged.predict(table) == pytest.approx(whole.predict(table), rel=1e-9, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), limit=st.integers(20, 200))
def test_coarsening_does_not_depend_on_the_order(seed, limit):
    table = flights(600, seed)
    parts = [fit_baseline(table.slice(start, 200), BY_ROUTE, "air_time") for start in (0, 200, 400)]
    before, baselines.MAX_CELLS = baselines.MAX_CELLS, limit
    try:
        a, b = reduce(merge, parts), merge(parts[2], merge(parts[1], parts[0]))
        whole = fit_baseline(table, BY_ROUTE, "air_time")
    finally:
        baselines.MAX_CELLS = before
    assert a.level == b.level == whole.level
    assert a.cells.drop(["sum"]).equals(b.cells.drop(["sum"])) and a.cells.drop(["sum"]).equals(
        whole.cells.drop(["sum"])
    )


def late(num_rows=3000, seed=0):
    """Rows with a route and a class; one class never comes from JFK."""
    rng = np.random.default_rng(seed)
    origin = rng.choice(["EWR", "JFK"], num_rows)
    label = np.where(origin == "JFK", rng.choice(["early", "late"], num_rows), rng.choice(["early", "gone"], num_rows))
    return pa.table({"origin": origin, "y": label})


BY_ORIGIN = BaselineSpec(mean_by=("origin",)).model_dump()


def test_the_rate_of_a_group_is_as_if_it_had_one_more_row_of_the_average_kind():
    table = pa.table({"origin": ["a", "a", "b"], "y": [0.0, 0.0, 1.0]})
    state = fit_baseline(table, BY_ORIGIN, "y", "binary")
    assert state.predict(pa.table({"origin": ["a", "b", "new"]})) == pytest.approx([1 / 9, 4 / 6, 1 / 3])
    assert BaselineState.from_json(state.to_json()).predict(table) == pytest.approx(state.predict(table))


def test_shares_of_classes_by_group_sum_to_one_and_none_is_impossible():
    table, classes = late(), ("early", "gone", "late")
    shares = fit_baseline(table, BY_ORIGIN, "y", "multiclass").predict(table, classes)
    frame = table.to_pandas()
    counts = frame.groupby(["origin", "y"]).size().unstack(fill_value=0)[list(classes)]
    expected = (counts + frame["y"].value_counts()[list(classes)] / len(frame)).div(counts.sum(axis=1) + 1, axis=0)
    assert shares == pytest.approx(expected.loc[frame["origin"]].to_numpy())
    assert shares.sum(axis=1) == pytest.approx(1.0) and 0 < shares.min() < 1e-3


@pytest.mark.parametrize("by", [("origin",), ()], ids=["by origin", "all rows"])
def test_shares_of_parts_are_those_of_the_whole(by):
    table, classes = late(), ("early", "gone", "late")
    settings = BaselineSpec(mean_by=by).model_dump()
    parts = [fit_baseline(table.slice(start, 700), settings, "y", "multiclass") for start in range(0, 3000, 700)]
    merged = reduce(merge, [BaselineState.from_json(part.to_json()) for part in reversed(parts)])
    whole = fit_baseline(table, settings, "y", "multiclass")
    assert merged.predict(table, classes) == pytest.approx(whole.predict(table, classes))
