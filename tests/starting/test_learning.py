"""What a first template learns, and from how many rows at least."""

from __future__ import annotations

import pytest

from raytemplate.errors import UsageError
from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked


def draft_of(folder, counts):
    labels = [label for label, count in counts.items() for _ in range(count)]
    rows = [f"{number * 1.5},{label}" for number, label in enumerate(labels)]
    (folder / "rows.csv").write_text("\n".join(["size,label", *rows]) + "\n")
    return write_draft(folder / "p", Asked(data=str(folder / "rows.csv"), target="label", time=""))[1]


def test_rows_of_rare_classes_do_not_count_as_rows_to_learn_from(tmp_path):
    with pytest.raises(
        UsageError, match=r"27 rows with values of label that occur in at least 10 rows, expected at least 30"
    ):
        draft_of(tmp_path, {"a": 15, "b": 12, "c": 4, "d": 2})


def test_rare_classes_are_left_out_where_enough_rows_remain(tmp_path):
    assert draft_of(tmp_path, {"a": 18, "b": 12, "c": 4}).learning.rare == ("c",)
