"""A column known at prediction time stays a feature, however well it correlates with the target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from raytemplate import api
from raytemplate.starting.draft import leaks
from raytemplate.starting.draft.strong import says_earlier
from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked

RNG = np.random.default_rng(0)


def drafted(folder, table, target, time=""):
    table.to_csv(folder / "rows.csv", index=False)
    return write_draft(folder / "p", Asked(data=str(folder / "rows.csv"), target=target, time=time))


def suspicious(folder, table, target, time=""):
    return {role.column.name for role in drafted(folder, table, target, time)[1].suspicious}


def seasons(days=6 * 365):
    """Days with their hours of daylight, which are known in advance, and the solar yield between clouds."""
    season = np.sin(2 * np.pi * np.arange(days) / 365.25)
    table = pd.DataFrame({"day": pd.date_range("2018-01-01", periods=days), "daylight_hours": 12 + 4 * season})
    return table.assign(prod=(5 + 3 * season) * RNG.uniform(0.3, 1, days))


@pytest.mark.parametrize("digits", [1, 9])
def test_a_season_is_not_made_of_later_rows(tmp_path, digits):
    assert not suspicious(tmp_path, seasons().round({"daylight_hours": digits}), "prod", "day")


@pytest.mark.parametrize("rows", [1, 7, 30, 91])
def test_a_mean_of_later_rows_is_found_under_a_season(tmp_path, rows):
    table = seasons()
    table["ahead"] = table["prod"][::-1].rolling(rows).mean()[::-1].shift(-1).round(3)
    assert suspicious(tmp_path, table, "prod", "day") == {"ahead"}


def test_what_comes_again_each_week_is_not_made_of_later_rows(tmp_path):
    day = np.arange(1_500)
    table = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=1_500, freq="h"), "x": day % 7})
    _, draft = drafted(tmp_path, table.assign(y=2.0 * table.x + day % 5 * 0.1), "y", "at")
    assert [role.column.name for role in draft.of("numeric")] == ["x"]


def meter(rows=3_000):
    """Hourly values that change little from one to the next, and a counter."""
    reading = np.empty(rows)
    reading[0] = 50
    for n in range(1, rows):
        reading[n] = 50 + 0.999 * (reading[n - 1] - 50) + RNG.normal()
    table = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="h"), "reading": reading})
    return table.assign(odometer=1e5 + np.cumsum(RNG.uniform(1, 2, rows)).round(1))


@pytest.mark.parametrize("name", ["reading_prev", "lag1", "h_minus_1", "reading_one"])
def test_an_earlier_value_stays_by_its_name_or_its_values(tmp_path, name):
    table = meter()
    table[name] = table.reading.shift(1)
    assert not suspicious(tmp_path, table, "reading", "at")


@pytest.mark.parametrize("time", ["at", ""])
def test_a_counter_does_not_explain_what_its_neighbours_do(tmp_path, time):
    table = meter() if time else meter().drop(columns="at")
    assert not suspicious(tmp_path, table.assign(x=RNG.normal(size=len(table))), "reading", time)


def test_a_noisy_copy_that_rises_with_time_is_found(tmp_path):
    table = meter()
    table["total"] = np.cumsum(RNG.gamma(0.3, 3, len(table)))
    table["booked"] = (3 * table.total + RNG.normal(size=len(table)) * 0.1).round(1)
    assert "booked" in suspicious(tmp_path, table, "total", "at")


@pytest.mark.parametrize("name", ["sales_lag_7", "prevState", "LastMonth", "roll30", "day_before"])
def test_names_say_that_a_value_is_earlier(name):
    assert says_earlier(name)


@pytest.mark.parametrize("name", ["flag", "plastic", "Chicago", "priority"])
def test_parts_of_words_do_not(name):
    assert not says_earlier(name)


def test_a_column_that_explains_nearly_all_stays_where_there_is_no_other(tmp_path):
    x = RNG.normal(size=1_000)
    path, draft = drafted(tmp_path, pd.DataFrame({"x": x, "y": 2 * x + 0.02 * RNG.normal(size=1_000)}), "y")
    assert [role.column.name for role in draft.of("numeric")] == ["x"]
    assert not draft.uncounted
    assert api.load(path).governance.promotion == "manual"
    assert "# suspicious: x: alone explains 9" in path.read_text()
    assert "kept, since no other feature is left" in path.read_text()


def test_columns_past_the_most_that_are_looked_at_are_not_and_the_draft_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(leaks, "_MOST_LOOKED_AT", 50)  # a thousand take long
    table = pd.DataFrame(RNG.normal(size=(60, 60))).add_prefix("c")
    path, draft = drafted(tmp_path, table.assign(y=RNG.normal(size=60)), "y")
    assert draft.not_looked_at == 10
    assert api.load(path).governance.promotion == "manual"
    assert "not checked for knowing the target: 10 columns" in path.read_text()


def test_a_category_that_grades_the_target_stays_where_there_is_no_other(tmp_path):
    kind = np.arange(2_000) % 4
    table = pd.DataFrame({"kind": np.array(list("abcd"))[kind], "y": 20 * kind + RNG.normal(size=2_000)})
    assert [role.column.name for role in drafted(tmp_path, table, "y")[1].of("categorical")] == ["kind"]


LEVELS = np.array([10, 40, 80, 120, 170, 220, 270])
CAUSES = {
    "whole numbers": lambda k: 2.0 * (k % 7) + (np.arange(len(k)) % 5) * 0.1,
    "noise far smaller than the steps": lambda k: LEVELS[k % 7] + RNG.normal(0, 3, size=len(k)),
}


@pytest.mark.parametrize("effect", CAUSES.values(), ids=CAUSES)
def test_a_cause_with_few_values_is_no_grade_of_the_target(tmp_path, effect):
    k = RNG.integers(0, 7, 1_500)
    table = pd.DataFrame({"k": k, "z": RNG.normal(size=len(k)), "y": effect(k)})
    assert not suspicious(tmp_path, table, "y")


@pytest.mark.parametrize("target", [RNG.normal(size=2_000), RNG.lognormal(size=2_000), RNG.integers(0, 100, 2_000)])
def test_a_grade_of_the_target_is_found(tmp_path, target):
    table = pd.DataFrame({"z": RNG.normal(size=len(target)), "y": target})
    table["mark"] = pd.qcut(table["y"], 5, labels=["e", "d", "c", "b", "a"]).astype(str)
    assert suspicious(tmp_path, table, "y") == {"mark"}
