"""Slices: which rows they hold, and that each has the metrics of exactly these rows."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as reference

from raytemplate.evaluation.compare import compare
from raytemplate.evaluation.slices import parts_of, score_slices, slice_values


def column(*values, kind=None):
    return slice_values(pa.chunked_array([pa.array(values, kind)]))


def names_of(values):
    parts = parts_of(values)
    return [parts.names[number] for number in parts.of_row]


CASES = [
    ("text", column("b", "a", "b"), ["b", "a", "b"]),
    ("missing", column("a", None), ["a", "(none)"]),
    ("few numbers", column(3, 1, None), ["3", "1", "(none)"]),
    ("fractions", column(0.5, 2.0, float("nan")), ["0.5", "2", "(none)"]),
    ("years", column(2013, 2014), ["2013", "2014"]),
    ("ids of 19 digits", column(2**60 + 1, None), ["1152921504606846976", "(none)"]),
    ("booleans", column(True, False), ["true", "false"]),
    ("nothing known", column(None, None, kind=pa.string()), ["(none)", "(none)"]),
    ("no number known", column(None, kind=pa.int64()), ["(none)"]),
]


@pytest.mark.parametrize(("values", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_slice_of_each_row(values, expected):
    assert names_of(values) == expected


def test_many_numbers_become_five_ranges_of_as_many_rows():
    parts = parts_of(column(*range(1000), None))
    assert parts.names == (
        "below 199.8",
        "199.8 to 399.6",
        "399.6 to 599.4",
        "599.4 to 799.2",
        "799.2 or more",
        "(none)",
    )
    assert np.bincount(parts.of_row).tolist() == [200, 200, 200, 200, 200, 1]


@pytest.mark.parametrize(
    ("first", "step", "names"),
    [
        (50_000, 100, ["below 52,000", "52,000 to 54,000"]),
        (1_000_000, 1, ["below 1,000,020", "1,000,020 to 1,000,040"]),
        (0.0, 1e-7, ["below 0.000002", "0.000002 to 0.000004"]),
    ],
    ids=["large", "close together", "small"],
)
def test_ranges_are_named_by_plain_numbers_that_differ(first, step, names):
    assert list(parts_of(column(*(first + step * n for n in range(101)))).names[:2]) == names


def test_a_number_that_is_mostly_one_value_has_fewer_ranges():
    parts = parts_of(column(*[0] * 900, *range(1, 101)))
    assert (parts.names, np.bincount(parts.of_row).tolist()) == (("below 1", "1 or more"), [900, 100])


def test_the_smallest_of_many_values_are_thrown_together():
    values = [f"v{n}" for n in range(80) for _ in range(100 - n)]
    parts = parts_of(column(*values))
    assert (parts.names[0], parts.names[48], parts.names[49], len(parts.names)) == ("v0", "v48", "(other)", 50)
    assert np.bincount(parts.of_row)[49] == sum(100 - n for n in range(49, 80))


def flights(num_rows=4000, seed=3):
    """Target, day, two models and the airline of each row; VX flies on two days only."""
    rng = np.random.default_rng(seed)
    target, day = rng.normal(150, 60, num_rows), rng.integers(0, 14, num_rows)
    airline = np.array(["UA", "AA", "DL"])[rng.integers(0, 3, num_rows)]
    airline[(day < 2) & (airline == "DL")] = "VX"
    models = {"candidate": target + rng.normal(0, 9, num_rows), "champion": target + rng.normal(3, 9, num_rows)}
    return target, day, models, airline


def sliced(target, day, models, airline, **changes):
    arguments = {"metrics": ("mae", "r2"), "columns": {"carrier": column(*airline)}, **changes}
    return score_slices(target=target, groups=day, predictions=models, num_resamples=500, **arguments)


def test_each_slice_has_the_metrics_of_its_own_rows():
    target, day, models, airline = flights()
    found = sliced(target, day, models, airline)
    assert {one.value: one.num_rows for one in found} == {
        v: int((airline == v).sum()) for v in ("UA", "AA", "DL", "VX")
    }
    for one in found:
        rows = airline == one.value
        for name, metrics in (("candidate", one.candidate), ("champion", one.champion)):
            truth, said = target[rows], models[name][rows]
            assert metrics["mae"].estimate.value == pytest.approx(reference.mean_absolute_error(truth, said))
            assert metrics["r2"].estimate.value == pytest.approx(reference.r2_score(truth, said))
            assert metrics["mae"].estimate.low < metrics["mae"].estimate.value < metrics["mae"].estimate.high


def test_a_slice_of_all_rows_is_the_whole_comparison():
    target, day, models, airline = flights()
    found = sliced(target, day, models, np.full_like(airline, "all"))
    whole = compare(
        target=target,
        groups=day,
        predictions=models,
        candidate="candidate",
        metric="mae",
        also=("r2",),
        num_resamples=500,
    )
    assert [dict(one.candidate) for one in found] == [dict(whole["candidate"].metrics)]
    assert dict(found[0].champion) == dict(whole["champion"].metrics)


def test_a_slice_on_one_of_many_days_has_no_interval():
    target, day, models, airline = flights()
    airline[day == 5] = "B6"
    (b6,) = [one for one in sliced(target, day, models, airline) if one.value == "B6"]
    assert (b6.candidate["mae"].estimate.low, b6.candidate["mae"].estimate.high) == (-np.inf, np.inf)


def test_without_a_champion_there_is_none_in_the_slices():
    target, day, models, airline = flights()
    assert all(one.champion is None for one in sliced(target, day, {"candidate": models["candidate"]}, airline))
