"""The text of a plan, whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raytemplate.planning.stages import FitStage, Reuse, SweepStage
from raytemplate.reports.explain import explain
from raytemplate.reports.wording import baseline_name
from raytemplate.testing import sample_plans

FLIGHTS = """\
flights-air-time 1.0.0   as of 2013-06-01 UTC   plan 3f9c2a

  train        2013-01-01 .. 2013-05-11   all there is
  validation   2013-05-11 .. 2013-05-18   7d
  test         2013-05-18 .. 2013-06-01   14d (end excluded)
  features     3: numeric distance; categorical carrier; datetime time_hour

  1 ingest     5 of 12 files, 137,823 rows, 2.8 MB; in memory (31 MB of 24 GB)
  2 fit        tabular-mlp, 6 epochs; 1 process, 1 CPU: more workers would not be quicker
  3 evaluate   mae (decides), rmse, r2; against median by origin, dest
  4 govern     4 gates; beats-champion will be skipped: no champion yet
  5 promote    automatic, if no gate blocks or holds

  resources    fits: this machine, 2 CPUs, 24 GB, no GPU
  time         about 9 s (6 to 14), limit 10m
  cost         0.00 USD, limit 1 USD (this machine is free)

Nothing was started. To run it:
  raytemplate run flights-air-time.yaml --as-of 2013-06-01"""


def _stage_lines(**changes: object) -> list[str]:
    text = explain(sample_plans.sample_plan(**changes), file="f.yaml")
    return text.split("\n\n")[2].splitlines()


def _fit(stage: FitStage) -> str:
    """The line of the fit stage, unwrapped."""
    return " ".join(" ".join(_stage_lines(fit=stage)[1:]).partition("  3 evaluate")[0].split()).removeprefix("2 fit ")


def _fit_line(stage: FitStage) -> str:
    """The line without the part about lost workers."""
    return "; ".join(_fit(stage).split("; ")[:2])


def test_explain_is_the_whole_plan() -> None:
    text = explain(sample_plans.sample_plan(), file="flights-air-time.yaml", command_tail="--as-of 2013-06-01")
    assert text == FLIGHTS


@pytest.mark.parametrize(
    ("reuse", "line"),
    [
        (Reuse(allowed=True), None),
        (Reuse(allowed=True, why="a.parquet has changed since run k7"),
         "ingest runs again, because a.parquet has changed since run k7"),
        (Reuse(allowed=False, why="rows that are streamed are not kept"),
         "ingest runs, because rows that are streamed are not kept"),
        (Reuse(allowed=True, run_id="k7", why="nothing has changed since run k7"),
         "ingest is reused, because nothing has changed since run k7; all other stages run"),
    ],
)  # fmt: skip
def test_what_is_reused_is_told_with_the_reason(reuse: Reuse, line: str | None) -> None:
    lines = explain(sample_plans.sample_plan(reuse=reuse), file="f.yaml").split("\n\n")[3].splitlines()
    assert lines[3:] == ([f"  reuse        {line}"] if line else [])


def test_what_will_hold_the_candidate_is_told_below_its_cost() -> None:
    govern = sample_plans.sample_govern_stage(holds=("only the seed or chance differs", "too few days"))
    lines = explain(sample_plans.sample_plan(govern=govern), file="f.yaml").split("\n\n")[3].splitlines()
    assert lines[3:] == ["  held         only the seed or chance differs", "  held         too few days"]


@pytest.mark.parametrize(
    ("time_s", "cost_usd", "sweep", "time", "cost"),
    [
        (9.0, 1.0, None, "limit 9s", "limit 1 USD (this machine is free)"),
        (8.0, 1.0, None, "limit 8s: training will be cut short", "limit 1 USD (this machine is free)"),
        (600.0, 0.25, None, "limit 10m", "limit 0.25 USD (this machine is free): training will be cut short"),
        (8.0, 1.0, sample_plans.sample_sweep_stage(), "limit 8s: the search will be cut short", "is free)"),
    ],
    ids=["enough", "too little time", "too little money", "a sweep"],
)
def test_a_budget_that_will_not_do_is_said_in_the_plan(
    time_s: float, cost_usd: float, sweep: SweepStage | None, time: str, cost: str
) -> None:
    plan = sample_plans.sample_plan(sweep=sweep)
    plan = replace(
        plan,
        limits=replace(plan.limits, time_s=time_s, cost_usd=cost_usd),
        forecast=replace(plan.forecast, cost_usd=0.5),
    )
    said = " ".join(explain(plan, file="f.yaml").split("\n\n")[3].split())
    before, _, cost_said = said.partition(" cost ")
    assert before.endswith(f" {time}") and cost_said.endswith(f" {cost}")


def test_rows_are_rounded_when_a_window_is_an_estimate() -> None:
    stage = sample_plans.sample_ingest_stage(windows=sample_plans.sample_windows(exact=False), mode="stream")
    assert _stage_lines(ingest=stage)[0] == "  1 ingest     5 of 12 files, about 137,800 rows, 2.8 MB; streamed"


def test_workers_say_what_each_holds() -> None:
    stage = sample_plans.sample_fit_stage(workers=2, cpus_per_worker=0.5, why="as asked")
    assert _fit_line(stage) == "tabular-mlp, 6 epochs; 2 workers, 0.5 CPU each: as asked"


def test_gpus_are_named() -> None:
    stage = sample_plans.sample_fit_stage(workers=4, cpus_per_worker=2.0, gpus_per_worker=1.0, why="")
    assert _fit_line(stage) == "tabular-mlp, 6 epochs; 4 workers, 2 CPUs and 1 GPU each"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workers": 0}, None),
        ({"workers": 2}, "lost workers are started again, at most 3 times"),
        ({"workers": 1, "max_failures": 1}, "lost workers are started again, at most 1 time"),
        ({"workers": 4, "least_workers": 4}, "lost workers are started again, at most 3 times"),
        ({"workers": 4, "least_workers": 1}, "lost workers are started again, at most 3 times, and 1 then suffices"),
        ({"workers": 4, "least_workers": 2}, "lost workers are started again, at most 3 times, and 2 then suffice"),
        ({"workers": 2, "max_failures": 0}, "lost workers end the run (resources.max_failures: 0)"),
    ],
)
def test_what_becomes_of_lost_workers_is_in_the_plan(changes: dict[str, int], said: str | None) -> None:
    after = "; ".join(_fit(sample_plans.sample_fit_stage(**changes)).split("; ")[2:])
    assert after == (said or "")


def test_trees_count_rounds() -> None:
    stage = sample_plans.sample_fit_stage(family="lightgbm", step="round", num_epochs=200, why="trees")
    assert _stage_lines(fit=stage)[1] == "  2 fit        lightgbm, 200 rounds; 1 process, 1 CPU: trees"


def test_a_long_reason_goes_on_under_its_text() -> None:
    stage = sample_plans.sample_fit_stage(
        why="one process is quickest for so few rows, and it leaves a CPU for the ingest"
    )
    assert _stage_lines(fit=stage)[1:3] == [
        "  2 fit        tabular-mlp, 6 epochs; 1 process, 1 CPU: one process is quickest for so few rows, and",
        "               it leaves a CPU for the ingest",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"skips": ()}, "4 gates"),
        ({"skips": ("data-rows: nothing to count",)}, "4 gates; data-rows will be skipped: nothing to count"),
        ({"gates": (), "skips": ()}, "no gates: nothing will be promoted"),
    ],
    ids=["no skip", "short skip", "no gates"],
)
def test_govern_line(changes: dict[str, object], line: str) -> None:
    assert _stage_lines(govern=sample_plans.sample_govern_stage(**changes))[3] == f"  4 govern     {line}"


def test_money_and_minutes_of_a_cluster() -> None:
    plan = sample_plans.sample_plan(
        limits=sample_plans.Limits(time_s=5400.0, cost_usd=2.5, reserve_s=3.0, usd_per_s=0.001, basis="3 whole nodes"),
        forecast=sample_plans.sample_forecast(start_s=300.0, low_s=80.0, high_s=700.0, cost_usd=0.307),
        machine="3 nodes, 24 CPUs",
    )
    assert explain(plan, file="my file.yaml").split("\n\n")[3:] == [
        (
            "  resources    fits: 3 nodes, 24 CPUs\n"
            "  time         about 5m (80 s to 12m), limit 90m\n"
            "  cost         0.31 USD, limit 2.5 USD (3 whole nodes)"
        ),
        "Nothing was started. To run it:\n  raytemplate run 'my file.yaml'",
    ]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"median_by": ["origin", "dest"]}, "median by origin, dest"),
        ({"median_by": []}, "median of all rows"),
        ({"quantile_by": ["origin"], "quantile": 0.9}, "0.9 quantile by origin"),
        ({"quantile_by": [], "quantile": 0.05}, "0.05 quantile of all rows"),
        ({"mean_by": ["carrier"], "median_by": None}, "mean by carrier"),
        ({"mean_by": []}, "mean of all rows"),
    ],
)
def test_baseline_name(settings: dict[str, object], name: str) -> None:
    assert baseline_name(settings) == name
