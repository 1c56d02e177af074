"""The worst slices in a line."""

from __future__ import annotations

from dataclasses import replace

from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.reports.sliced import worst_text
from raytemplate.testing import sample_plans, samples
from raytemplate.testing.samples import sample_metric


def test_worst_slice_of_each_column_is_named_among_those_with_enough_rows() -> None:
    evaluation = samples.sample_evaluation(slices=samples.sample_slices())
    assert " ".join(worst_text(evaluation).split()) == (
        "worst slices: carrier UA 10.22 [9.31, 11.13] of 2,310 rows; "
        "distance 2,475 or more 9.90 [9.00, 10.90] of 2,540 rows"
    )


def test_worst_is_the_lowest_where_higher_is_better() -> None:
    slices = tuple(
        replace(one, candidate={"r2": sample_metric(value, value, value, name="r2")})
        for one, value in zip(samples.sample_slices(), (0.9, 0.7, 0.1, float("nan"), float("nan")), strict=True)
    )
    assert worst_text(samples.sample_evaluation(metric="r2", slices=slices)) == (
        "  worst slice: carrier DL 0.700 [0.700, 0.700] of 1,804 rows"
    )


def test_nothing_is_said_without_slices() -> None:
    assert worst_text(samples.sample_evaluation()) == ""
    assert worst_text(samples.sample_evaluation(slices=samples.sample_slices()[2:3])) == ""


def test_show_names_the_worst_slices() -> None:
    view = RunView(
        start=samples.sample_start(),
        plan=sample_plans.sample_plan(),
        evaluation=samples.sample_evaluation(slices=samples.sample_slices()),
    )
    assert "\n  worst slices: carrier UA 10.22" in show_run(view)
