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


def test_a_decimal_point_among_decimal_commas_is_named_with_its_column(tmp_path):
    rows = [f"{n},5;{'0.25' if n == 40 else f'{n},25'}" for n in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["y;x", *rows]) + "\n")
    with pytest.raises(UsageError, match=r"column y has decimal commas, such as 0,5, but column x has 0\.25"):
        write_draft(tmp_path / "p", Asked(data=str(tmp_path / "rows.csv"), target="y", time=""))


def test_an_infinite_target_is_named(tmp_path):
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{n},{n / 7 if n != 9 else 'inf'}\n" for n in range(90)))
    with pytest.raises(UsageError, match="column y has infinite values, expected finite numbers"):
        write_draft(tmp_path / "p", Asked(data=str(tmp_path / "rows.csv"), target="y", time=""))


def test_a_target_of_lists_or_objects_is_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"y": {{"a": {n}}}}}\n' for n in range(60)))
    with pytest.raises(UsageError, match=r"column y is struct<a: int64>, expected a number, text or a boolean"):
        write_draft(tmp_path / "p", Asked(data=str(tmp_path / "rows.jsonl"), target="y", time=""))
