"""What `predict` refuses before a row is scored."""

from __future__ import annotations

import pytest

from raytemplate.api.use import (  # pyright: ignore[reportPrivateUsage]
    _check_output,
    _check_scored_columns,
)
from raytemplate.data.sources.listing import SourceFile, SourceTable
from raytemplate.errors import DataError, UsageError


def test_a_key_of_lists_has_no_form_in_csv(tmp_path):
    source = SourceTable(
        kind="parquet", root=str(tmp_path), files=(), schema={"id": "int64", "tags": "list<item: int64>"}
    )
    with pytest.raises(UsageError) as refused:
        _check_output("out.csv", tmp_path / "out.csv", source, ("id", "tags"))
    assert refused.value.what == "out.csv: the key tags is list<item: int64>, which CSV cannot hold"
    _check_output("out.parquet", tmp_path / "out.parquet", source, ("id", "tags"))
    _check_output("out.csv", tmp_path / "out.csv", source, ("id",))


def test_a_folder_is_no_file_to_write(tmp_path):
    source = SourceTable(kind="parquet", root=str(tmp_path), files=(), schema={"id": "int64"})
    with pytest.raises(UsageError, match="out: is a folder, expected a file to write") as refused:
        _check_output("out", tmp_path, source, ())
    assert refused.value.next_step == "name an OUT such as out.csv"


SEPARATOR = "write it with the separator of the files that the model was made from"


@pytest.mark.parametrize(
    ("there", "told", "step"),
    [
        (("t;c;x",), 'no column t, c, x, which m was trained on; there is "t;c;x"', SEPARATOR),
        (("t", "c", "X"), "no column x, which m was trained on; there is t, c, X", ""),
        (("t", "c", "x1"), "no column x, which m was trained on; did you mean x1?", ""),
    ],
    ids=["another separator", "another case", "another name"],
)
def test_columns_that_are_not_there_are_told_beside_those_that_are(tmp_path, there, told, step):
    file = SourceFile(path="new.csv", size_bytes=1, sha256="", slices=())
    source = SourceTable(kind="csv", root=str(tmp_path), files=(file,), schema=dict.fromkeys(there, "string"))
    with pytest.raises(DataError) as refused:
        _check_scored_columns(source, ("t", "c", "x"), "m")
    assert (str(refused.value), refused.value.next_step) == (f"new.csv: {told}", step)
