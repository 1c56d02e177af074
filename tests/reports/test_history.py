"""Lists of runs and models, and one of each, whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from raytemplate.records.evaluated import Confusion
from raytemplate.reports.history import ModelRow, RunRow, age_text, models_table, runs_table
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.testing import sample_plans, samples
from raytemplate.testing.sample_plans import day
from raytemplate.testing.samples import SAMPLE_TIME

NOW = day(7, 12)
MODEL = ModelRow(
    name="flights-air-time",
    champion_version=2,
    promoted=SAMPLE_TIME,
    run_id="k7q2",
    digest="sha256:9d5ab16c0f7e42c3",
    challenger_version=3,
    retrained=SAMPLE_TIME,
    cadence="7d",
    today="not measured",
)

RUNS = """\
  run    model             as of       started           state     test metric  version  took  planned   USD
  k7q2   flights-air-time  2013-07-01  2013-07-01 09:30  approved  mae 6.94           2   8 s      9 s  0.00
  a1b2   flights-air-time  2013-06-01  2013-07-01 09:30  running   -                  -     -      9 s     -

  raytemplate show k7q2"""

MODELS = """\
  model              champion  age      run   digest        challenger  its gates
  flights-air-time          2  10 days  k7q2  9d5ab16c0f7e           3  not measured  overdue
  new                       -  -        -     -                      -  -

  raytemplate show flights-air-time"""

SHOWN_RUN = """\
flights-air-time 1.0.0   as of 2013-07-01 UTC   plan 81be07   run k7q2
approved, started 2013-07-01 09:30 UTC by ada on laptop, 8 s (planned 9 s), 0.00 USD

  template     flights-air-time.yaml, version 1.0.0
  data         166,054 rows; 5,464 dropped: air_time is null
  snapshot     5be15be15be1, 6 of 12 files, 3.4 MB read
  features     distance, carrier, time_hour
  model        tabular-mlp: hidden 128, layers 2
  training     batch_size 512, epochs 6, loss mae, lr 0.001, seed 7
  fit          tabular-mlp, 6 epochs, validation mae 7.31
  candidate    9d5ab16c0f7e, from epoch 6, 121 kB
  test         12,695 test rows, 14 days

  mae                      value    difference, 95 % interval, days resampled
  candidate                 6.94
  champion (version 1)      8.54    -1.60  [-2.61, -0.83]
  median by origin, dest    9.08    -2.14  [-3.32, -0.91]
  candidate's other metrics: rmse 11.20 [10.10, 12.40], r2 0.985 [0.980, 0.989]

  gate             outcome  found                            required
  metric-limit     pass     mae 6.94                         at worst 12
  beats-baseline   pass     better by 0.91 to 3.32           at least 0
  beats-champion   pass     better by 0.83 to 2.61           better, by at least 0.0854
  data-rows        pass     141,497                          at least 50,000

Approved: version 2 became the champion of flights-air-time (was version 1).
  raytemplate predict flights-air-time NEW.parquet OUT.parquet"""

UNFINISHED_RUN = """\
flights-air-time 1.0.0   as of 2013-07-01 UTC   plan 81be07   run k7q2
unfinished, started 2013-07-01 09:30 UTC by ada on laptop

  template     flights-air-time.yaml, version 1.0.0
  features     distance, carrier, time_hour
  model        tabular-mlp: hidden 128, layers 2
  training     batch_size 512, epochs 6, loss mae, lr 0.001, seed 7

It has not ended. If it is no longer running, to resume it:
  raytemplate resume k7q2"""


def _view() -> RunView:
    return RunView(
        start=samples.sample_start(),
        plan=sample_plans.sample_plan(id="81be07", as_of=day(7, 1)),
        snapshot=samples.sample_snapshot(),
        fit=samples.sample_fit(),
        evaluation=samples.sample_evaluation(),
        verdict=samples.sample_verdict(),
        promotion=samples.sample_promotion(),
        end=samples.sample_end(),
    )


def test_runs_table() -> None:
    name, start = "flights-air-time", SAMPLE_TIME
    done = RunRow(
        run_id="k7q2",
        name=name,
        as_of=day(7, 1),
        started=start,
        state="approved",
        metric="mae",
        value=6.94,
        version=2,
        wall_clock_s=8.1,
        planned_s=9.0,
        cost_usd=0.0,
    )
    running = RunRow(run_id="a1b2", name=name, as_of=day(6, 1), started=start, state="running", planned_s=9.0)
    assert runs_table([done, running]) == RUNS


def test_models_table() -> None:
    assert models_table([MODEL, ModelRow(name="new", champion_version=0)], now=NOW) == MODELS


def test_empty_tables_say_how_to_begin() -> None:
    assert runs_table([]) == "No runs yet. To start one:\n  raytemplate run FILE"
    assert runs_table([], filtered=True) == "No such runs; there are others:\n  raytemplate runs"
    assert models_table([], now=NOW) == "No models yet. To make one:\n  raytemplate run FILE"


def test_show_run_when_it_is_finished() -> None:
    assert show_run(_view()) == SHOWN_RUN


def test_show_run_of_classes_says_which_is_taken_for_which() -> None:
    classes = ("elm", "oak", "ясень")
    found = Confusion(classes=classes, counts=((1200, 3, 0), (41, 90, 7), (0, 2, 300)))
    view = replace(_view(), evaluation=replace(samples.sample_evaluation(), confusion=found))
    shown = """
  actual ↓ predicted →     elm   oak   ясень
  elm                    1,200     3       0
  oak                       41    90       7
  ясень                      0     2     300
"""
    assert shown in show_run(view)
    many = Confusion(classes=tuple(map(str, range(9))), counts=((0,) * 9,) * 9)
    view = replace(_view(), evaluation=replace(samples.sample_evaluation(), confusion=many))
    assert "the confusion matrix of the 9 classes is in evaluation.json and the report" in show_run(view)


def test_show_run_when_it_has_no_end() -> None:
    view = RunView(start=samples.sample_start(), plan=_view().plan)
    assert show_run(view) == UNFINISHED_RUN


def test_show_run_when_it_failed() -> None:
    end = samples.sample_end(state="failed", exit_code=9, message="fit: the loss became NaN in epoch 2")
    view = RunView(start=samples.sample_start(), plan=_view().plan, end=end)
    assert show_run(view).splitlines()[-2:] == ["fit: the loss became NaN in epoch 2", "  raytemplate resume k7q2"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (300, "5m"), (7 * 3600, "7h"), (12 * 86400, "12 days"), (-5, "0 s")]
)
def test_age_text(seconds: int, text: str) -> None:
    assert age_text(SAMPLE_TIME, SAMPLE_TIME + timedelta(seconds=seconds)) == text
