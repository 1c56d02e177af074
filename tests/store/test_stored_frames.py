"""Frames become Arrow tables, or are refused with the name of the column that cannot be converted."""

import datetime

import numpy as np
import pandas
import pyarrow as pa
import pytest

from raytemplate.errors import DataError
from raytemplate.store.frames import table_of, with_keys

TWO = pandas.DataFrame([[1, 2], [3, 4]])


@pytest.mark.parametrize("wanted", [None, ("a",)])
@pytest.mark.parametrize(
    "data", [TWO.set_axis(["a", "a"], axis=1), pa.table([[1], [2]], names=["a", "a"])], ids=["pandas", "arrow"]
)
def test_a_name_that_is_there_twice_is_refused(data, wanted):
    with pytest.raises(DataError, match="more than one column named a"):
        table_of(data, wanted)


def test_of_two_columns_with_one_name_another_may_be_wanted():
    data = pandas.DataFrame([[1, 2, 3]], columns=["a", "b", "a"])
    assert table_of(data, ("b", "c")).to_pydict() == {"b": [2]}


def test_numbered_columns_of_pandas_have_their_numbers_as_names():
    assert table_of(TWO).to_pydict() == {"0": [1, 3], "1": [2, 4]}
    assert table_of(TWO, ("1",)).to_pydict() == {"1": [2, 4]}
    assert with_keys(TWO, ("1",), {"prediction": [5, 6]}).to_numpy().tolist() == [[2, 5], [4, 6]]


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ([1, "x", None, 2.5], ["1", "x", None, "2.5"]),
        (["x", pandas.NA, 1], ["x", None, "1"]),
        ([1.0, np.nan, "A", 1e300], ["1", None, "A", "1e+300"]),
        ([2**70, np.int64(7), True], [str(2**70), "7", "True"]),
    ],
    ids=["mixed", "NA", "whole floats", "large"],
)
def test_objects_of_several_types_are_text_as_in_a_file(values, right):
    assert table_of(pandas.DataFrame({"a": pandas.Series(values, dtype=object)})).column("a").to_pylist() == right


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1j], "complex128"),
        (pandas.period_range("2024-01", periods=2, freq="M"), r"period\[M\]"),
        (pandas.arrays.SparseArray([0, 1]), r"Sparse\[int64, 0\]"),
        ([datetime.date(2024, 1, 1), "x"], r"values such as datetime.date\(2024, 1, 1\)"),
    ],
    ids=["complex", "period", "sparse", "days and text"],
)
def test_a_column_that_cannot_be_taken_is_named(values, found):
    with pytest.raises(DataError, match=f"data: column a holds {found}, expected plain values of one kind"):
        table_of(pandas.DataFrame({"b": [0] * len(values), "a": values}))
