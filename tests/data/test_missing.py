"""One rule for missing values, and everything that must follow it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from breaches import breaches

from raytemplate.data.conditions import parse_condition
from raytemplate.data.features.encoding import FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.features.gaps import seen
from raytemplate.data.missing import is_missing, null_where_missing
from raytemplate.data.profile.column import column_profile
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import row_hashes
from raytemplate.data.target import add_target, check_classes, class_texts
from raytemplate.data.windows import drop_rows
from raytemplate.errors import DataError
from raytemplate.evaluation.baselines import fit_baseline
from raytemplate.evaluation.slices import parts_of, slice_values
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings

NAN = float("nan")
FLOATS, TEXTS = (None, NAN), (None, "", " ", " \t\n", "\u00a0\u3000")
INF = float("inf")


@pytest.mark.parametrize(
    ("kind", "values", "missing"),
    [
        (pa.float64(), [1.0, NAN, None, INF, -INF, 0.0], [0, 1, 1, 0, 0, 0]),
        (pa.float32(), [1.0, NAN, None], [0, 1, 1]),
        (pa.float16(), [np.float16(1), np.float16("nan"), None], [0, 1, 1]),
        (pa.string(), ["a", *TEXTS, " a "], [0, 1, 1, 1, 1, 1, 0]),
        (pa.large_string(), ["a", *TEXTS], [0, 1, 1, 1, 1, 1]),
        (pa.string_view(), ["a", *TEXTS], [0, 1, 1, 1, 1, 1]),
        (pa.dictionary(pa.int32(), pa.string()), ["a", "", None, " "], [0, 1, 1, 1]),
        (pa.int64(), [0, None], [0, 1]),
        (pa.bool_(), [False, None], [0, 1]),
        (pa.timestamp("us"), [0, None], [0, 1]),
        (pa.null(), [None, None], [1, 1]),
        (pa.list_(pa.int64()), [[], None], [0, 1]),
    ],
    ids=str,
)
def test_missing_is_null_nan_and_blank_text(kind: Any, values: list[Any], missing: list[int]) -> None:
    column = pa.chunked_array([pa.array(values, kind)])
    assert is_missing(column).to_pylist() == [bool(m) for m in missing]
    found = null_where_missing(column)
    assert found.is_null().to_pylist() == [bool(m) for m in missing]
    kept = [value for value, m in zip(column.to_pylist(), missing, strict=True) if not m]
    assert found.drop_null().to_pylist() == kept


def test_text_that_is_not_utf8_is_there() -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", b" "]).buffers())
    assert is_missing(broken).to_pylist() == [False, True]


def _numbers(missing: Any) -> pa.Table:
    return pa.table({"x": pa.array([1.0, missing, 3.0], pa.float64())})


def _texts(missing: Any) -> pa.Table:
    return pa.table({"x": pa.array(["a", missing, "c"], pa.string())})


SPELT = [
    *(pytest.param(_numbers(value), id=f"float {value!r}") for value in FLOATS),
    *(pytest.param(_texts(value), id=f"text {value!r}") for value in TEXTS),
]


@pytest.mark.parametrize("table", SPELT)
@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("x is null", [1]),
        ("x is not null", [0, 2]),
        ("not (x is null)", [0, 2]),
        ("x is null or x = {0}", [0, 1]),
        ("x = {0}", [0]),
        ("x <> {0}", [2]),
        ("not (x = {0})", [2]),
        ("x in ({0}, {2})", [0, 2]),
        ("not (x in ({0}))", [2]),
        ("x between {0} and {2}", [0, 2]),
        ("x <> x", []),
        ("not (x = x)", []),
    ],
)
def test_a_condition_takes_every_missing_value_for_null(table: pa.Table, condition: str, rows: list[int]) -> None:
    values = table.column("x").to_pylist()
    shown = [f"'{v}'" if isinstance(v, str) else str(v) for v in values]
    whole = table.append_column("row", pa.array([0, 1, 2]))
    expression = parse_condition(condition.format(*shown)).expression(table.schema)
    assert whole.filter(expression).column("row").to_pylist() == rows
    rest, dropped = drop_rows(whole, expression)
    assert (rest.num_rows, dropped) == (3 - len(rows), len(rows))


@pytest.mark.parametrize("table", SPELT)
def test_contract_survey_split_baseline_slices_and_classes_agree(table: pa.Table) -> None:
    (breach,) = breaches(table, {"x": {"type": "text", "nullable": False}}, "f")
    assert (breach.promise, breach.num_rows, breach.value) == ("nullable: false", 1, "missing")
    found = column_profile(table.column("x"))
    assert (found.num_rows, found.num_null, found.num_distinct) == (3, 1, 2)
    assert class_texts(table.column("x")).is_null().to_pylist() == [False, True, False]
    assert parts_of(slice_values(table.column("x"))).names[-1] != ""
    assert "(none)" in parts_of(slice_values(table.column("x"))).names
    null = table.set_column(0, "x", null_where_missing(table.column("x")))
    assert row_hashes(table, ["x"], 7).tolist() == row_hashes(null, ["x"], 7).tolist()
    with_target = (t.append_column("y", pa.array([1.0, 2.0, 3.0])) for t in (table, null))
    states = [fit_baseline(t, {"mean_by": ["x"]}, "y") for t in with_target]
    assert states[0].to_json() == states[1].to_json()


# Every kind of feature: its settings, the values of training besides a missing one, and how one that training has is
# told apart: "gap" (NaN for trees, else filled and a column that says so), by a code or a column, or not at all.
KINDS: Mapping[str, tuple[Mapping[str, Any], Sequence[Any], str]] = {
    "numeric": ({}, [1.0, 2.0, 6.0], "gap"),
    "numeric log": ({"transform": "log"}, [1.0, 2.0, 6.0], "gap"),
    "numeric unscaled": ({"scale": "none"}, [1.0, 2.0, 6.0], "gap"),
    "numeric mean": ({"impute": "mean"}, [1.0, 2.0, 6.0], "filled"),
    "power": ({}, [1.0, 2.0, 6.0], "gap"),
    "quantile": ({}, [1.0, 2.0, 6.0], "gap"),
    "quantile mean": ({"impute": "mean"}, [1.0, 2.0, 6.0], "filled"),
    "buckets": ({"edges": [2, 5]}, [1.0, 2.0, 6.0], "code"),
    "buckets one-hot": ({"edges": [2, 5], "encoding": "one-hot"}, [1.0, 2.0, 6.0], "column"),
    "categorical": ({}, ["a", "b", "c"], "code"),
    "categorical one-hot": ({"encoding": "one-hot"}, ["a", "b", "c"], "column"),
    "ordinal": ({"order": ["a", "b", "c"]}, ["a", "b", "c"], "gap"),
    "hashing": ({"buckets": 7}, ["a", "b", "c"], "code"),
    "target-mean": ({"fold_by": ["y"]}, ["a", "b", "c"], "mean of its own"),
    "text": ({"min_count": 1}, ["a", "b", "c"], "gap"),
    "text hashing": ({"method": "hashing", "width": 64}, ["a", "b", "c"], "gap"),
    "datetime": ({"parts": ["hour-cycle", "dayofyear", "year"]}, [0, 10**12, 10**13], "gap"),
    "datetime codes": ({"parts": ["hour", "month"]}, [0, 10**12, 10**13], "code"),
}


def _column(values: Sequence[Any]) -> pa.ChunkedArray:
    there = next(v for v in values if v is not None and v == v and not (isinstance(v, str) and not v.strip()))
    kind = {float: pa.float64(), str: pa.string(), int: pa.timestamp("us")}[type(there)]
    return pa.chunked_array([pa.array(list(values), kind)])


def _fit(kind: str, values: Sequence[Any]) -> FittedFeatures:
    settings = Settings(KINDS[kind][0])
    steps = (FeatureStep(kind=kind.split()[0], column="x", settings=settings),)
    table = pa.table({"x": _column(values), "y": np.arange(len(values), dtype=np.float64)})
    return fit_features(feature_statistics(table, steps, "y"), steps, gaps=True)


def _spellings(kind: str) -> tuple[Any, ...]:
    return {float: FLOATS, str: TEXTS, int: (None,)}[type(KINDS[kind][1][0])]


@pytest.mark.parametrize(("kind", "spelt"), [(k, s) for k in KINDS for s in _spellings(k)], ids=lambda v: repr(v))
def test_every_kind_of_feature_takes_every_spelling_alike(kind: str, spelt: Any) -> None:
    values, becomes = KINDS[kind][1], KINDS[kind][2]
    training = [*values, spelt, *values, spelt]
    made = _fit(kind, training)
    assert made == _fit(kind, [None if v is spelt else v for v in training])
    rows = [*values, spelt]
    found = encode(pa.table({"x": _column(rows)}), made, with_target=False)
    assert np.isfinite(found.dense).all() and found.num_unknown == 0
    trees, others = (seen(found.dense, found.missing, made.gaps, as_nan=as_nan) for as_nan in (True, False))
    if becomes == "gap":
        assert [gap.name for gap in made.gaps] == ["x=(missing)"]
        assert np.isnan(trees[-1]).all() and (trees[:-1] == found.dense[:-1]).all()
        assert others[:, -1].tolist() == [0.0] * len(values) + [1.0] and (others[:, :-1] == found.dense).all()
    else:
        assert made.gaps == () and trees is others is found.dense
    if becomes != "filled":
        assert len({row.tobytes() for row in np.hstack([others, found.codes])}) == len(rows)


@pytest.mark.parametrize(("kind", "spelt"), [(k, s) for k in KINDS for s in _spellings(k)], ids=lambda v: repr(v))
def test_what_only_scoring_lacks_is_filled_alike(kind: str, spelt: Any) -> None:
    values = KINDS[kind][1]
    made = _fit(kind, list(values) * 2)
    found, null = (
        encode(pa.table({"x": _column([values[0], missing])}), made, with_target=False) for missing in (spelt, None)
    )
    assert made.gaps == () and np.isfinite(found.dense).all()
    assert (found.dense.tobytes(), found.codes.tobytes()) == (null.dense.tobytes(), null.codes.tobytes())


def test_a_column_without_any_value_has_no_gap() -> None:
    made = _fit("numeric", [1.0, None])
    assert len(made.gaps) == 1
    steps = (FeatureStep(kind="numeric", column="x", settings=Settings({})),)
    nothing = pa.table({"x": pa.nulls(4, pa.float64()), "y": [1.0, 2.0, 3.0, 4.0]})
    assert fit_features(feature_statistics(nothing, steps, "y"), steps, gaps=True).gaps == ()


def test_models_made_before_keep_blank_text_as_a_category() -> None:
    made = _fit("categorical", ["a", "b", "a"])
    (feature,) = made.features
    with_blank = (replace(feature, state=Settings({"encoding": "embedding", "values": ["a", ""]})),)
    rows = pa.table({"x": ["a", "", None]})
    for blank_is_missing, codes in ((False, [2, 3, 1]), (True, [2, 1, 1])):
        model = replace(made, features=with_blank, blank_is_missing=blank_is_missing)
        assert encode(rows, model, with_target=False).codes.ravel().tolist() == codes


def test_several_columns_have_gaps_each_with_its_own_places() -> None:
    rng = np.random.default_rng(7)
    values = {name: np.where(rng.random(50) < 0.3, np.nan, rng.normal(5, 2, 50)) for name in "abc"}
    table = pa.table({**values, "t": pa.array([None, *range(49)], pa.timestamp("s")), "y": np.arange(50.0)})
    steps = (
        *(FeatureStep(kind="numeric", column=name, settings=Settings({})) for name in "ab"),
        FeatureStep(kind="datetime", column="t", settings=Settings({"parts": ["hour-cycle", "hour"]})),
        FeatureStep(kind="numeric", column="c", settings=Settings({"scale": "none"})),
    )
    made = fit_features(feature_statistics(table, steps, "y"), steps, gaps=True)
    assert [gap.places for gap in made.gaps] == [(0,), (1,), (2, 3), (4,)]
    found = encode(table, made, with_target=False)
    trees, others = (seen(found.dense, found.missing, made.gaps, as_nan=as_nan) for as_nan in (True, False))
    for name, place, dense in (("a", 5, 0), ("b", 6, 1), ("c", 8, 4)):
        missing = np.isnan(values[name])
        assert others[:, place].tolist() == np.isnan(trees[:, dense]).tolist() == missing.tolist()
        mean = float(np.nanmean(values[name])) if name == "c" else 0.0
        assert others[missing, dense] == pytest.approx(mean, abs=1e-6)
    assert others[:, 7].tolist() == [1.0] + [0.0] * 49
    before = encode(table, fit_features(feature_statistics(table, steps, "y"), steps), with_target=False)
    assert before.dense.tobytes() == found.dense.tobytes()  # models without gaps are filled with the same


def test_a_word_that_spells_a_number_is_missing_in_every_format() -> None:
    """-999 is missing in a CSV file by its word; so is the same number in a Parquet file or a frame."""
    rules = Rules(missing=("", "-999", "?", "9.5"))
    kinds = (pa.int64(), pa.float64(), pa.float32(), pa.decimal128(8, 2), pa.int16())
    for kind in kinds:
        column = pa.array([1, -999, None, 7], pa.float64()).cast(kind)
        assert as_read(pa.table({"x": column}), rules).column("x").is_null().to_pylist() == [False, True, True, False]
    whole = pa.table({"u": pa.array([1, 2], pa.uint8()), "f": [9.5, -999.5], "s": ["-999", "9"], "b": [True, False]})
    assert as_read(whole, rules).to_pydict() == {"u": [1, 2], "f": [None, -999.5], "s": [None, "9"], "b": [True, False]}
    assert as_read(as_read(whole, rules), rules) == as_read(whole, rules)


@pytest.mark.parametrize("value", [None, NAN])
def test_a_target_that_is_a_condition_is_missing_where_its_column_is(value: float | None) -> None:
    table = add_target(pa.table({"y": pa.array([20.0, value, 3.0], pa.float64())}), "y > 15")
    assert table.column("y > 15").to_pylist() == [True, None, False]


def test_a_target_of_blank_text_is_told_with_the_way_out_that_works() -> None:
    table = pa.table({"y": ["a", "b", " ", "a", ""], "x": [1.0, 2.0, 3.0, 4.0, 5.0]})
    steps = (FeatureStep(kind="numeric", column="x", settings=Settings({})),)
    found = feature_statistics(table, steps, "y", "multiclass")
    with pytest.raises(DataError, match="missing in 2 of 5 rows") as caught:
        check_classes({"train": found.target}, "y", ("a", "b"))
    assert caught.value.next_step == "data.drop: y is null"
    rest, dropped = drop_rows(table, parse_condition("y is null").expression(table.schema))
    assert dropped == 2
    check_classes({"train": feature_statistics(rest, steps, "y", "multiclass").target}, "y", ("a", "b"))


@pytest.mark.slow
def test_the_work_grows_with_the_columns_and_not_with_their_square() -> None:
    def seconds(number: int) -> float:
        table = pa.table({**{f"x{n}": [1.0, None, 3.0] for n in range(number)}, "y": [1.0, 2.0, 3.0]})
        steps = tuple(FeatureStep(kind="numeric", column=f"x{n}", settings=Settings({})) for n in range(number))
        began = time.process_time()
        made = fit_features(feature_statistics(table, steps, "y"), steps, gaps=True)
        encode(table, made, with_target=True)
        return time.process_time() - began

    seconds(100)
    assert seconds(4_000) < 12 * seconds(800)  # five times the columns: with their square twenty-five times
