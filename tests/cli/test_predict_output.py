"""What `predict` refuses before a row is scored."""

from __future__ import annotations

import pytest

from raytemplate.api import _check_output  # pyright: ignore[reportPrivateUsage]
from raytemplate.data.sources.listing import SourceTable
from raytemplate.errors import UsageError


def test_a_key_of_lists_has_no_form_in_csv(tmp_path):
    source = SourceTable(
        kind="parquet", root=str(tmp_path), files=(), schema={"id": "int64", "tags": "list<item: int64>"}
    )
    with pytest.raises(UsageError) as refused:
        _check_output("out.csv", tmp_path / "out.csv", source, ("id", "tags"))
    assert refused.value.what == "out.csv: the key tags is list<item: int64>, for which CSV has no form"
    _check_output("out.parquet", tmp_path / "out.parquet", source, ("id", "tags"))
    _check_output("out.csv", tmp_path / "out.csv", source, ("id",))
