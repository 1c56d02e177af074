"""Time and cost by calendar month, and when the next run is due."""

from __future__ import annotations

from datetime import UTC, datetime

from site_runs import JULY

from raytemplate.reports.history import ModelRow, RunRow
from raytemplate.reports.site.months import by_month, cost_chart, time_chart, time_strip
from raytemplate.reports.site.views import ModelEntry


def row(started: datetime, **changes: object) -> RunRow:
    numbers = {"wall_clock_s": 90.0, "planned_s": 60.0, "cost_usd": 0.3, "planned_usd": 0.2} | changes
    return RunRow(run_id="k7q2", name="m", as_of=started, started=started, state="approved", **numbers)  # type: ignore[arg-type]


def test_runs_are_added_up_by_the_month_in_which_they_began() -> None:
    rows = [row(JULY), row(datetime(2013, 7, 31, 23, tzinfo=UTC)), row(datetime(2013, 9, 1, tzinfo=UTC))]
    july, september = by_month(rows)
    assert (july.name, july.num_runs, july.time, july.cost) == (
        "Jul 2013", 2, "3m of 2m", "0.60 of 0.40 USD",
    )  # fmt: skip
    assert (september.name, september.num_runs) == ("Sep 2013", 1)


def test_a_run_in_progress_is_in_no_month() -> None:
    assert by_month([row(JULY, cost_usd=None)]) == ()


def test_a_month_without_runs_keeps_its_place() -> None:
    months = by_month([row(JULY), row(datetime(2013, 9, 1, tzinfo=UTC))])
    drawn = time_chart(months)
    assert [name for name in ("Jul", "Aug", "Sep") if f">{name}</text>" in drawn] == ["Jul", "Aug", "Sep"]
    assert time_strip(months).count("<rect") == 6


def test_twelve_months_are_drawn_at_most() -> None:
    years = by_month([row(datetime(year, month, 1, tzinfo=UTC)) for year in (2011, 2012, 2013) for month in (1, 7)])
    assert time_chart(years).count("<rect") == 24


def test_what_costs_nothing_is_not_drawn() -> None:
    assert cost_chart(by_month([row(JULY, cost_usd=0.0, planned_usd=0.0)])) == ""


def test_the_next_run_is_due_one_cadence_after_the_last() -> None:
    model = ModelRow(name="m", champion_version=1, retrained=datetime(2013, 1, 31, tzinfo=UTC), cadence="1 month")
    assert ModelEntry(model=model, runs=()).next_due == datetime(2013, 2, 28, tzinfo=UTC)
    assert ModelEntry(model=ModelRow(name="m", champion_version=0), runs=()).next_due is None
