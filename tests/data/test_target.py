"""The target: a column or a condition, its classes in a fixed order, and what is refused."""

import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics, merge
from raytemplate.data.target import add_target, baseline_target, check_classes, check_spread, is_condition
from raytemplate.errors import DataError
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings, dumps, loads

STEPS = (FeatureStep(kind="numeric", column="x", settings=Settings({})),)


def rows(values, kind=None):
    return pa.table({"x": pa.array([float(n) for n in range(len(values))]), "y": pa.array(values, kind)})


def fitted(table, task, positive="", target="y"):
    return fit_features(feature_statistics(table, STEPS, target, task), STEPS, task, positive)


@pytest.mark.parametrize(
    ("values", "positive", "classes", "target"),
    [
        ([True, False, True], "", ("false", "true"), [1, 0, 1]),
        ([1, 0, 1], "", ("0", "1"), [1, 0, 1]),
        ([1.0, 0.0, 1.0], "", ("0", "1"), [1, 0, 1]),
        ([1, 2, 1], "1", ("2", "1"), [1, 0, 1]),
        (["no", "yes", "no"], "no", ("yes", "no"), [1, 0, 1]),
        (["да", "нет", "да"], "да", ("нет", "да"), [1, 0, 1]),
    ],
    ids=["boolean", "whole", "float", "positive is 1", "text", "another script"],
)
def test_the_positive_value_is_index_one(values, positive, classes, target):
    features = fitted(rows(values), "binary", positive)
    assert features.classes == classes
    assert encode(rows(values), features, with_target=True).target.tolist() == target
    assert loads(type(features), dumps(features)) == features


def test_classes_are_sorted_numbers_by_size_and_counted():
    features = fitted(rows([10, 9, 2, 10]), "multiclass")
    assert (features.classes, features.class_counts) == (("2", "9", "10"), (1, 1, 2))
    assert encode(rows([10, 2, 9]), features, with_target=True).target.tolist() == [2, 0, 1]


def test_parts_of_the_data_give_the_classes_of_the_whole():
    parts = [feature_statistics(rows(values), STEPS, "y", "multiclass") for values in (["b", "a"], ["c", "c"], ["a"])]
    merged = merge(merge(parts[2], parts[0]), parts[1])
    assert fit_features(merged, STEPS, "multiclass").classes == ("a", "b", "c")


def test_a_condition_is_true_false_or_missing():
    table = add_target(pa.table({"late": [20, 10, None, 15]}), "late > 15")
    assert table.column("late > 15").to_pylist() == [True, False, None, False]
    assert is_condition("arr_delay > 15") and is_condition("a is null")
    assert not is_condition("is_late") and not is_condition("customer-churn") and not is_condition("Total amount")


def test_the_baseline_of_two_classes_is_a_rate():
    found = baseline_target(rows(["yes", "no", "yes"]), "y", "binary", "yes")
    assert found.column("y").to_pylist() == [1.0, 0.0, 1.0]


REFUSED = {
    "one class": (["a", "a"], "multiclass", "", 'target y is "a" in all 2 rows of the train window: nothing to learn'),
    "no positive": (["a", "b"], "binary", "", "target y is never a positive value in the train window"),
    "never positive": (["a", "b"], "binary", "c", 'target y is never the positive value "c" in the train window'),
    "three": ([0, 1, 2], "binary", "", 'target y has 3 values in the train window: "0", "1", "2"; binary needs two'),
    "too many": (list(range(1001)), "multiclass", "", "target y has more than 1,000 different values"),
}


@pytest.mark.parametrize(("values", "task", "positive", "message"), REFUSED.values(), ids=REFUSED)
def test_a_target_without_its_classes_is_refused(values, task, positive, message):
    with pytest.raises(DataError) as refused:
        fitted(rows(values), task, positive)
    assert message in str(refused.value)


def test_a_class_only_in_the_test_window_is_named_with_its_rows():
    profiles = {"train": ["a", "b"], "test": ["a", "c", "c"]}
    found = {
        name: feature_statistics(rows(values), STEPS, "y", "multiclass").target for name, values in profiles.items()
    }
    with pytest.raises(DataError, match='target y is "c" in 2 rows of the test window, and never in the train window'):
        check_classes(found, "y", ("a", "b"))


def test_a_missing_class_is_counted_and_says_what_to_drop():
    table = add_target(pa.table({"x": [1.0, 2.0, 3.0], "late": [20, 10, None]}), "late > 15")
    found = feature_statistics(table, STEPS, "late > 15", "binary").target
    with pytest.raises(DataError, match="target late > 15 is missing in 1 of 3 rows of the train window") as refused:
        check_classes({"train": found}, "late > 15", ("false", "true"))
    assert refused.value.next_step == "data.drop: late is null"


STEP = "models learn 32-bit floats, which are {} apart there and lose what tells its values apart"
REFUSED_SPREADS = {
    "a billion and a little": ([1e9 - 11.25, 1e9 + 9.5, None], "999999988.75 and 1000000009.5", "64"),
    "beyond 2^53": ([2.0**60, 2.0**60 + 1024], "1.15292150460685e+18 and 1.15292150460685e+18", "1.37e+11"),
    "below zero": ([-3e7, -3e7 + 5], "-30000000 and -29999995", "2"),
    "too small": ([1e-44, 2e-44], "1e-44 and 2e-44", "1.4e-45"),
    "seconds since 1970, of an hour": ([1.7e9, 1.7e9 + 3600], "1700000000 and 1700003600", "128"),
}
SPREADS = {
    "counts up to 2^24": [2**24 - 1, 2**24], "seconds since 1970, of a month": [1.7e9, 1.7e9 + 2.6e6],
    "small": [1e-12, 3e-12], "large": [1e30, 2e30], "years": [2019.0, 2024.5], "none": [None, None],
}  # fmt: skip


def spread(values):
    return feature_statistics(pa.table({"y": pa.array(values, pa.float64())}), (), "y").target


@pytest.mark.parametrize(("values", "bounds", "step"), REFUSED_SPREADS.values(), ids=REFUSED_SPREADS)
def test_a_target_whose_values_32_bit_floats_cannot_tell_apart_is_refused(values, bounds, step):
    with pytest.raises(DataError) as caught:
        check_spread(spread(values), "y")
    assert str(caught.value) == f"target y lies between {bounds}; {STEP.format(step)}"
    subtract = f"subtract a constant from it in the data, such as {bounds.split()[0]}"
    assert caught.value.next_step == ("write it in a smaller unit" if "e-44" in bounds else subtract)


@pytest.mark.parametrize("values", SPREADS.values(), ids=SPREADS)
def test_a_target_that_they_tell_apart_is_not(values):
    check_spread(spread(values), "y")


def test_a_target_that_is_the_same_in_all_rows_is_refused():
    with pytest.raises(DataError, match=r"target y is 2\.5 in all 2 rows of the train window: nothing to learn"):
        check_spread(spread([2.5, 2.5]), "y")
