"""What is told about input columns."""

import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import ColumnEvidence, Estimate
from raytemplate.reports.columns_shown import column_rows, leans_text, profile_rows
from raytemplate.reports.wording import estimate_texts
from raytemplate.testing.samples import sample_columns, sample_evaluation


def test_only_columns_that_matter_for_certain_are_told() -> None:
    assert (
        leans_text(sample_evaluation(columns=sample_columns())) == "  leans on: distance 61.20 (mae lost without each)"
    )


def test_five_columns_are_told_at_most() -> None:
    columns = tuple(
        ColumnEvidence(column=f"c{n}", importance=Estimate(value=n, low=n - 0.5, high=n + 0.5)) for n in range(1, 9)
    )
    assert leans_text(sample_evaluation(columns=columns)).startswith(
        "  leans on: c8 8.00, c7 7.00, c6 6.00, c5 5.00, c4"
    )
    assert "c3" not in leans_text(sample_evaluation(columns=columns))


def test_nothing_is_told_of_records_of_before() -> None:
    assert leans_text(sample_evaluation()) == "" and column_rows(sample_evaluation()) == []


def test_an_interval_that_is_not_known_is_left_out() -> None:
    alone = ColumnEvidence(column="x", importance=Estimate(value=2, low=-math.inf, high=math.inf))
    (row,) = column_rows(sample_evaluation(columns=(alone,)))
    assert (row.importance, row.explained) == ("2.00", "not measured")


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("datetime", [datetime(2013, 1, day, tzinfo=UTC) for day in (1, 5, 9)], "2013-01-01 to 2013-01-09"),
        ("categorical", ["a", "a", "b"], "2 values: a 67 %, b 33 %"),
        ("quantile", [1.5, 2.5, 3.5], "1.5 to 3.5"),
        ("target-mean", ["a", None, "b"], "2 values: a 33 %, b 33 %"),
        ("numeric", [None, None, None], ""),
    ],
)
def test_each_kind_of_column_is_described(kind: str, values: list[object], told: str) -> None:
    table = pa.table({"y": [1.0, 2.0, 3.0], "x": values})
    settings = Settings({"parts": ["hour"]}) if kind == "datetime" else Settings()
    found = feature_statistics(table, [FeatureStep(column="x", kind=kind, settings=settings)], "y")
    assert profile_rows(found)[1].values == told


@pytest.mark.parametrize(
    ("estimate", "texts"),
    [
        ((0.0004, 0.0001, 0.9), ("0.00040", "0.00010", "0.90000")),
        ((0.0004, -0.9, 0.9), ("0.000", "-0.900", "0.900")),
        ((6.94, 6.44, 7.44), ("6.94", "6.44", "7.44")),
    ],
    ids=["a small loss", "next to nothing", "a large one"],
)
def test_small_values_are_shown_with_their_digits(estimate: tuple[float, float, float], texts: tuple[str, ...]) -> None:
    value, low, high = estimate
    assert estimate_texts(Estimate(value=value, low=low, high=high)) == texts
