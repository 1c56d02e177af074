"""What the live table of a sweep says, line by line."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from raytemplate.records.swept import RunningTrial, SweepNow, TrialState
from raytemplate.reports.sweep_now import Gauge, budget_gauges, sweep_table
from raytemplate.testing.sample_plans import sample_plan, sample_sweep_stage
from raytemplate.testing.samples import sample_trials

PLAN = sample_plan(sweep=sample_sweep_stage())
NOW = SweepNow(
    counts=(("pruned", 6), ("finished", 5), ("diverged", 1)),
    running=(
        RunningTrial(number=14, epoch=0, num_epochs=6, step="epoch", running_s=0.4),
        RunningTrial(number=13, epoch=20, num_epochs=200, step="round", running_s=3.2),
    ),
    best=sample_trials()[4],
    more=28,
    left_s=100.0,
)


def test_all_of_a_table() -> None:
    table = sweep_table(NOW, PLAN)
    assert table.ended == "12 trials ended: 5 finished, 6 pruned, 1 diverged; about 28 more fit"
    assert table.best == "mae 7.31 in trial 5: training.lr 0.0011, model.hidden 128, model.dropout 0.2"
    assert table.running == (
        Gauge(name="trial 13", done=0.1, text="round 20 of 200, 3 s"),
        Gauge(name="trial 14", done=0.0, text="begun, 1 s"),
    )
    assert table.num_hidden == 0


@pytest.mark.parametrize(
    ("counts", "more", "said"),
    [
        ((), 40, "no trial has ended yet; about 40 more fit"),
        ((("failed", 1),), 0, "1 trial ended: 1 failed; no more fit"),
        ((("cut", 1200),), None, "1,200 trials ended: 1,200 cut"),
    ],
)
def test_what_ended_and_what_fits(counts: tuple[tuple[TrialState, int], ...], more: int | None, said: str) -> None:
    assert sweep_table(replace(NOW, counts=counts, more=more), PLAN).ended == said


def test_before_there_is_a_best() -> None:
    assert sweep_table(replace(NOW, best=None), PLAN).best == "no usable trial so far"


def test_of_many_that_run_eight_have_a_line() -> None:
    many = tuple(replace(NOW.running[0], number=n) for n in range(1, 65))
    table = sweep_table(replace(NOW, running=many), PLAN)
    assert (len(table.running), table.num_hidden) == (8, 56)


def test_money_has_a_bar_only_where_it_has_a_price() -> None:
    time = Gauge(name="time", done=0.25, text="2m 30s of 10m (planned 9 s)")
    assert budget_gauges(PLAN, 150.0, 0.0) == (time,)
    charged = replace(PLAN, limits=replace(PLAN.limits, usd_per_s=0.001))
    assert budget_gauges(charged, 150.0, 0.15) == (
        time,
        Gauge(name="money", done=0.15, text="0.15 of 1 USD (planned 0.00)"),
    )
    unknown = replace(charged, limits=replace(charged.limits, cost_usd=math.inf))
    assert budget_gauges(unknown, 150.0, 0.15) == (time,)


def test_a_bar_ends_at_its_end() -> None:
    assert budget_gauges(PLAN, 700.0, 0.0)[0].done == 1.0
