"""The text of a first template, and what is shown about it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from in_this_process import read

from raytemplate import api
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.text.rules import Rules
from raytemplate.errors import UsageError
from raytemplate.reports.draft_shown import draft_text
from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked

RNG = np.random.default_rng(0)


def drafted(folder, table, target="y", time="", name="t.parquet"):
    (table.to_csv if name.endswith(".csv") else table.to_parquet)(folder / name, index=False)
    path, draft = write_draft(folder / "p", Asked(data=str(folder / name), target=target, time=time))
    return api.load(path), draft, path.read_text()


def measured(rows, **columns):
    return pd.DataFrame({"x": RNG.normal(size=rows), **columns, "y": RNG.normal(size=rows)})


def test_twins_share_a_side_whatever_their_row_number(tmp_path):
    once = measured(500, kind=RNG.choice(["a", "b"], 500))
    table = pd.concat([once, once], ignore_index=True).rename_axis("").reset_index(names="Unnamed: 0")
    spec, _, _ = drafted(tmp_path, table)
    assert (spec.data.keys, spec.data.split.ignore) == ((), ("Unnamed: 0",))
    kept = read(api.plan(spec, "latest").plan.ingest)
    sides = [set(side.column("x").to_pylist()) for side in kept.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 500


def test_numbers_that_say_yes_or_no_are_promised_to(tmp_path):
    spec, _, _ = drafted(tmp_path, measured(300, paid=RNG.integers(0, 2, 300)))
    assert spec.contract.columns["paid"].values == (0, 1)


def test_a_class_that_reads_like_no_answer_is_asked_about_with_the_condition_to_drop_it(tmp_path):
    status = RNG.choice(["good", "bad", "invalid"], 1_000, p=[0.6, 0.38, 0.02])
    spec, draft, text = drafted(tmp_path, measured(1_000, status=status).drop(columns="y"), "status")
    assert spec.governance.promotion == "manual" and "is invalid (2 % of the rows) an outcome" in shown(draft)
    said = text.replace("  # drop: ", "  drop: ")
    (tmp_path / "p" / "dropped.yaml").write_text(said)
    kept = read(api.plan(api.load(tmp_path / "p" / "dropped.yaml"), "latest").plan.ingest)
    assert {value for side in kept.values() for value in side.column("status").to_pylist()} == {"good", "bad"}


def shown(draft):
    return " ".join(draft_text(draft).split())


DAYS = pd.date_range("2020-01-01", periods=1_500, freq="D")
TRENDS = {
    "a rise over the years": (np.arange(1_500) / 500, "12 months"),
    "the same each year": (np.sin(np.arange(1_500) * 2 * np.pi / 365), "all"),
    "none": (np.zeros(1_500), "all"),
}


@pytest.mark.parametrize(("moves", "train"), TRENDS.values(), ids=TRENDS)
def test_a_target_that_moves_over_the_years_is_trained_on_one_of_them(tmp_path, moves, train):
    table = measured(1_500, at=DAYS)
    spec, _, _ = drafted(tmp_path, table.assign(y=table.y + moves), time="at")
    assert str(spec.data.windows.train) == train
    assert (str(spec.data.windows.test), str(spec.governance.cadence)) == ("91d", "3 months")


def test_the_newest_rows_without_a_target_become_the_label_delay(tmp_path):
    table = measured(1_500, at=DAYS)
    spec, _, _ = drafted(tmp_path, table.assign(y=table.y.where(DAYS[-20] > DAYS)), time="at")
    assert str(spec.data.windows.label_delay) == "20d"
    kept = read(api.plan(spec, "latest").plan.ingest)
    assert {name: side.num_rows for name, side in kept.items()} == {"train": 1_298, "validation": 91, "test": 91}


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_whole_years_are_times(tmp_path, name):
    table = measured(350, year=1990 + np.arange(350) // 10)
    spec, draft, _ = drafted(tmp_path, table, time="year", name=name)
    assert spec.data.csv.dates == ("%Y",) and "year is one" not in draft.split_why
    kept = read(api.plan(spec, "latest").plan.ingest)
    assert {window: side.num_rows for window, side in kept.items()} == {"train": 150, "validation": 100, "test": 100}


def test_years_in_a_table_in_memory_are_taken_as_those_of_its_files():
    table = as_read(pa.table({"year": [1999, 2024]}), Rules(dates=("%Y",)), {"year": "time"})
    assert table.column("year").to_pylist() == [datetime(1999, 1, 1), datetime(2024, 1, 1)]


def test_whole_numbers_are_no_times_unless_they_are_years(tmp_path):
    table = measured(350, day=20240101 + np.arange(350) // 20)
    with pytest.raises(UsageError, match="column day is int64, expected a timestamp, a date or whole years"):
        drafted(tmp_path, table, time="day")


def test_many_columns_are_shown_in_few_lines_of_eighty_characters(tmp_path):
    many = {f"a column with the number {n}": RNG.normal(size=400) for n in range(70)}
    many |= {f"constant {n}": 1.0 for n in range(30)}
    _, draft, _ = drafted(tmp_path, measured(400, **many))
    lines = draft_text(draft).splitlines()[1:]  # the first has the path
    assert max(map(len, lines)) <= 80 and len(lines) < 40
    assert lines[-3].strip() == "and 18 more, in the template"
    assert lines[-1] == "To use a column, list it under features in the template."
