"""An unfinished training is reported wherever a person reads about the run, in the same words."""

import io
from dataclasses import replace

from raytemplate.reports.lines import Lines
from raytemplate.reports.model_card import model_card
from raytemplate.reports.page import MadeFrom, report_page
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.testing import sample_plans, samples

NOTE = "the best round is the last of 200: raise model.num_trees"
FIT = samples.sample_fit(unfinished=(NOTE,))
VIEW = RunView(
    start=samples.sample_start(),
    plan=sample_plans.sample_plan(),
    fit=FIT,
    verdict=samples.sample_verdict(),
    end=samples.sample_end(),
)


def test_below_the_line_of_the_stage_while_it_runs():
    out = io.StringIO()
    Lines(out).stage_ended("fit", FIT, 3.0)
    assert out.getvalue().splitlines()[1] == f"    {NOTE}"


def test_in_the_run_as_shown():
    assert f"  note         {NOTE}\n" in show_run(VIEW)


def test_on_the_page_also_where_the_winners_own_model_was_taken_and_there_are_no_epochs():
    made = MadeFrom(code_sha256="c0de" * 16, environment={})
    assert NOTE in report_page(replace(VIEW, fit=replace(FIT, epochs=())), made, ())


def test_among_the_limits_of_the_model_card():
    card = model_card(
        sample_plans.sample_plan(),
        "k7q2",
        samples.sample_snapshot(),
        FIT,
        samples.sample_evaluation(),
        samples.sample_verdict_record(),
        samples.sample_promotion(),
    )
    assert f"- Training may not have finished: {NOTE}." in card
