"""Text: terms of every script, the most frequent kept, each row of length 1; and columns crossed into one."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics, merge
from raytemplate.data.features.inputs import input_of
from raytemplate.data.features.terms import terms_of
from raytemplate.errors import DataError
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings

NOTES = pa.table({"c": ["Late again", "late, LATE!", "on time", None, ""], "y": [1, 2, 3, 4, 5]})


def fitted(table: pa.Table, **more: Any) -> FittedFeatures:
    steps = (FeatureStep(kind="text", column="c", settings=Settings(more)),)
    return fit_features(feature_statistics(table, steps, "y"), steps)


def terms(text: str | None, tokens: Any, length: int) -> list[str]:
    return [t for _, _, found in terms_of(pa.chunked_array([[text]]), tokens, length) for t in found.to_pylist()]


@pytest.mark.parametrize(
    ("text", "tokens", "length", "found"),
    [
        ("Don't, WORRY", "words", 1, ["don", "t", "worry"]),
        ("a b c", "words", 3, ["a", "b", "c", "a b", "b c", "a b c"]),
        ("Zu\u0308rich, \ufb01n 2\u00bd", "words", 1, ["z\u00fcrich", "fin", "21", "2"]),
        ("नमस्ते दुनिया", "words", 1, ["नमस्ते", "दुनिया"]),
        ("東京 都", "characters", 2, [" 東", "東京", "京 ", " 都", "都 "]),
        ("😀", "characters", 3, [" 😀 "]),
        ("", "words", 2, []),
        (None, "characters", 3, []),
    ],
)
def test_terms_of_a_text(text: str | None, tokens: str, length: int, found: list[str]) -> None:
    assert terms(text, tokens, length) == found


def test_terms_in_most_rows_are_kept_and_rare_ones_weigh_more() -> None:
    made = fitted(NOTES, min_count=1, width=3)
    assert made.dense == ("c:late", "c:again", "c:on")
    found = encode(NOTES, made, with_target=False).dense
    late, again = np.log(6 / 3) + 1, np.log(6 / 2) + 1
    np.testing.assert_allclose(found[0], np.array([late, again, 0]) / np.hypot(late, again), rtol=1e-6)
    assert found[1:].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_terms_of_few_rows_have_no_column() -> None:
    assert fitted(NOTES).dense == ("c:late",)


def test_hashing_fits_nothing_and_has_the_width_asked_for() -> None:
    made = fitted(NOTES, method="hashing", width=4)
    assert len(made.dense) == 4 and "terms" not in made.features[0].state
    found = encode(pa.table({"c": ["new words", None]}), made, with_target=False).dense
    assert np.square(found).sum(axis=1).tolist() == pytest.approx([1, 0])


def test_terms_of_two_parts_are_those_of_the_whole() -> None:
    steps = (FeatureStep(kind="text", column="c", settings=Settings({})),)
    parts = [feature_statistics(NOTES.slice(a, b - a), steps, "y") for a, b in ((0, 2), (2, 3), (3, 5))]
    both = merge(parts[2], merge(parts[0], parts[1]))
    assert both.columns == feature_statistics(NOTES, steps, "y").columns


def test_many_rows_are_taken_in_parts_that_leave_no_trace() -> None:
    many = pa.table({"c": [f"word{n % 7} of {n}" for n in range(45_000)], "y": np.arange(45_000)})
    made = fitted(many, width=20)
    whole = encode(many, made, with_target=False).dense
    assert whole[44_990:].tobytes() == encode(many.slice(44_990), made, with_target=False).dense.tobytes()
    assert made.dense[0] == "c:of" and {f"c:word{n}" for n in range(7)} < set(made.dense)


def test_crossed_columns_are_one_category() -> None:
    route = FeatureStep(kind="categorical", column="route", settings=Settings({}), inputs=("a", "b"))
    train = pa.table({"a": ["JFK", "JFK", None, None], "b": [1, 2, 1, None], "y": [1, 2, 3, 4]})
    made = fit_features(feature_statistics(train, (route,), "y"), (route,))
    assert (made.codes, made.columns) == (("route",), ("a", "b"))
    assert made.features[0].state["values"] == ["JFK|1", "JFK|2", r"\N|1"]
    new = pa.table({"a": ["JFK", "JFK", None], "b": [2, 3, None]})
    assert encode(new, made, with_target=False).codes.ravel().tolist() == [3, 0, 1]


def test_different_combinations_never_share_a_text() -> None:
    values = ["", "|", "\\", r"\N", "a", "a|", "|a", "\\|", None]
    pairs = pa.table({"a": [a for a in values for _ in values], "b": values * len(values)})
    route = FeatureStep(kind="categorical", column="route", settings=Settings({}), inputs=("a", "b"))
    assert len(set(input_of(pairs, route).to_pylist())) == len(values) ** 2


def test_a_number_cannot_be_crossed() -> None:
    route = FeatureStep(kind="categorical", column="route", settings=Settings({}), inputs=("a", "b"))
    with pytest.raises(DataError, match=r"^column b is double, not text, a whole number or a boolean; it cannot be"):
        input_of(pa.table({"a": ["x"], "b": [1.5]}), route)
