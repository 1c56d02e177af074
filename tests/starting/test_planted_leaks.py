"""A column that knows the target is left out by name, promotion is then manual, and honest columns stay."""

from __future__ import annotations

import pandas as pd
import pytest
import sklearn.datasets
from planted import LEAKS, customers, planted

from raytemplate import api
from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked


def drafted(folder, table, target, time=""):
    """(path of the template, the draft) for a table."""
    table.to_csv(folder / "rows.csv", index=False)
    return write_draft(folder / "p", Asked(data=str(folder / "rows.csv"), target=target, time=time))


def suspicious(draft):
    return {role.column.name for role in draft.suspicious}


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_left_out_by_name_and_promotion_is_manual(tmp_path, leak):
    target, column = LEAKS[leak]
    table = planted(leak)
    path, draft = drafted(tmp_path, table, target, next((name for name in ("opened", "day") if name in table), ""))
    spec = api.load(path)
    assert column in suspicious(draft)
    assert spec.governance.promotion == "manual"
    assert column not in {name for one in spec.features.listed() for name in one.inputs}


@pytest.mark.parametrize("target", ["churn", "spend"])
def test_honest_columns_stay_and_promotion_is_automatic(tmp_path, target):
    path, draft = drafted(tmp_path, customers(target), target)
    assert not draft.suspicious
    assert api.load(path).governance.promotion == "automatic"


def test_what_is_made_of_earlier_rows_stays(tmp_path):
    table = customers("spend").assign(day=pd.date_range("2020-01-01", periods=2_000))
    table["week_before"] = table.spend.rolling(7).mean().shift(1)
    table["spend_lag_1"] = table.spend.shift(1)
    assert not suspicious(drafted(tmp_path, table, "spend", "day")[1])


def test_the_day_is_no_range_of_the_weather_that_all_rows_of_an_hour_share(tmp_path):
    hours = pd.date_range("2013-01-01", periods=30 * 24, freq="h").repeat(30)
    humidity = pd.Series(range(30 * 24)).sample(frac=1, random_state=0).repeat(30).to_numpy() / 9
    table = pd.DataFrame({"place": list("abc") * 7_200, "date": hours.day, "humidity": humidity})
    assert not suspicious(drafted(tmp_path, table, "humidity")[1])


REAL = {
    "iris": sklearn.datasets.load_iris, "tumours": sklearn.datasets.load_breast_cancer,
    "wine": sklearn.datasets.load_wine, "diabetes": sklearn.datasets.load_diabetes,
}  # fmt: skip


@pytest.mark.parametrize("load", REAL.values(), ids=REAL)
def test_strong_columns_of_real_tables_stay(tmp_path, load):
    assert not drafted(tmp_path, load(as_frame=True).frame, "target")[1].of("left out")


def test_the_distance_stays_in_the_month_that_it_explains_best(tmp_path, flights):
    data = flights / "2013-09.parquet"
    _, draft = write_draft(tmp_path / "p", Asked(data=str(data), target="air_time", time="time_hour"))
    assert not draft.suspicious


def test_the_distance_stays_for_the_minutes_of_a_flight(tmp_path, flights):
    _, draft = write_draft(tmp_path / "p", Asked(data=str(flights), target="air_time", time="time_hour"))
    assert not draft.suspicious
    assert "distance" in {role.column.name for role in draft.of("numeric")}
    assert {role.column.name: role.why for role in draft.of("left out")} == {
        "year": "the same value in all rows",
        "month": "the month of time_hour",
        "day": "the day of time_hour",
        "hour": "the hour of time_hour",
    }
