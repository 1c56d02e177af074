"""One model, whole: its champions, its runs, its gates and whether it is overdue."""

from dataclasses import replace
from datetime import timedelta

import pytest

from raytemplate.records.judged import Finding
from raytemplate.reports.history import EventRow, ModelRow, RunRow
from raytemplate.reports.model_shown import GateRate, ModelView
from raytemplate.reports.service import InService
from raytemplate.testing.sample_plans import day
from raytemplate.testing.samples import SAMPLE_TIME

NOW = day(8, 12)
MODEL = ModelRow(
    name="flights-air-time",
    champion_version=1,
    promoted=day(7, 11),
    run_id="a1b2",
    digest="sha256:9d5ab16c0f7e42c3",
    challenger_version=3,
    retrained=SAMPLE_TIME,
    cadence="1 month",
)
EVENTS = (
    EventRow(at=day(6, 1), event="promoted", version=1, run_id="a1b2", by="automatic"),
    EventRow(at=day(7, 1), event="promoted", version=2, previous_version=1, run_id="k7q2", by="automatic"),
    EventRow(at=day(7, 2), event="waiting", version=3, run_id="c3d4", by="automatic"),
    EventRow(
        at=day(7, 11), event="rolled-back", version=1, previous_version=2, run_id="a1b2", by="ada",
        reason="it doubled the error on the new routes to Hawaii",
    ),
)  # fmt: skip
DONE = RunRow(
    run_id="k7q2",
    name="flights-air-time",
    as_of=day(7, 1),
    started=SAMPLE_TIME,
    state="approved",
    metric="mae",
    value=6.94,
    version=2,
    wall_clock_s=8.1,
    planned_s=9.0,
    cost_usd=0.02,
    planned_usd=0.03,
)
RUNNING = RunRow(run_id="e5f6", name="flights-air-time", as_of=day(8, 1), started=NOW, state="running", planned_s=9.0)
GATES = (
    GateRate(gate="metric-limit", num_passed=2, num_judged=2),
    GateRate(gate="beats-champion", num_passed=0, num_judged=1, num_skipped=1),
)

SHOWN = """\
flights-air-time   version 1 is the champion for 32 days   run a1b2   digest 9d5ab16c0f7e
Version 3 is waiting.
Overdue: the last judged run was 41 days ago, governance.cadence is 1 month.

  when               event        version  was  champion for  run   by         reason
  2013-06-01 00:00   promoted           1    -       30 days  a1b2  automatic
  2013-07-01 00:00   promoted           2    1       10 days  k7q2  automatic
  2013-07-02 00:00   waiting            3    -             -  c3d4  automatic
  2013-07-11 00:00   rolled-back        1    2       32 days  a1b2  ada        it doubled the error
                                                                               on the new routes to
                                                                               Hawaii

  run    as of       state     test metric  version  took  planned   USD  planned
  e5f6   2013-08-01  running   -                  -     -      9 s     -     0.00
  k7q2   2013-07-01  approved  mae 6.94           2   8 s      9 s  0.02     0.03

  gate             passed
  metric-limit     2 of 2
  beats-champion   0 of 1  skipped in 1 run

  raytemplate predict flights-air-time NEW.parquet OUT.parquet"""


def test_model_with_its_history_runs_and_gates():
    assert str(ModelView(model=MODEL, events=EVENTS, now=NOW, runs=(RUNNING, DONE), gates=GATES)) == SHOWN


def test_model_without_a_champion():
    view = ModelView(model=ModelRow(name="new", champion_version=0), events=(), now=NOW)
    assert repr(view) == "<model new, no champion yet>"
    assert str(view) == "new   no champion yet\n\n  raytemplate runs"


def test_of_many_runs_the_newest_are_shown():
    shown = str(ModelView(model=MODEL, events=(), now=NOW, runs=(DONE,) * 15))
    assert shown.count("k7q2") == 12 and "and 3 earlier runs: raytemplate runs" in shown


@pytest.mark.parametrize(
    ("cadence", "days", "overdue"),
    [("1 month", 31, False), ("1 month", 32, True), ("2w", 15, True), ("", 4000, False)],
    ids=["in time", "late", "weeks", "no cadence"],
)
def test_overdue_is_counted_from_the_last_judged_run(cadence, days, overdue):
    model = replace(MODEL, retrained=day(7, 1), cadence=cadence)
    assert model.overdue(day(7, 1) + timedelta(days=days)) is overdue


def test_model_that_was_never_judged_is_not_overdue():
    assert not replace(MODEL, retrained=None).overdue(NOW)


def test_model_says_by_which_gates_its_champion_would_not_pass_today():
    findings = (
        Finding(gate="metric-limit", outcome="block", found="mae 14.20", required="at worst 12"),
        Finding(gate="beats-baseline", outcome="pass", found="better by 0.20 to 0.90", required="at least 0"),
        Finding(gate="data-rows", outcome="skip", found="not measured"),
    )
    service = InService(version=1, run_id="k7q2", test_start=day(7, 1), test_end=day(7, 15), findings=findings)
    shown = str(ModelView(model=MODEL, events=(), now=NOW, service=service))
    assert (
        """\
Version 1 would not pass today, on the test rows of run k7q2, 2013-07-01 .. 2013-07-15:
  gate             today  found                    required
  metric-limit     block  mae 14.20                at worst 12
  beats-baseline   pass   better by 0.20 to 0.90   at least 0
  data-rows        -      not measured
"""
        in shown
    )
