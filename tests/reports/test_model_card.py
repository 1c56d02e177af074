"""The model card: what the records say, in the order a person asks."""

from __future__ import annotations

from dataclasses import replace

from raytemplate.records.codec import Settings
from raytemplate.reports.model_card import model_card
from raytemplate.testing import sample_plans, samples

METADATA = Settings({"intended-use": "crews", "regions": ["US", "CA"]})

METRICS = """\
## How good it is

On 12,695 test rows. In brackets: 95 % intervals, days resampled.

| metric | candidate | champion (version 1) | median by origin, dest |
| --- | --- | --- | --- |
| mae (decides) | 6.94 [6.44, 7.44] | 8.54 [8.04, 9.04] | 9.08 [8.58, 9.58] |
| rmse | 11.20 [10.10, 12.40] | - | - |
| r2 | 0.985 [0.980, 0.989] | - | - |

Candidate minus champion (version 1), mae: -1.60 [-2.61, -0.83], over the same rows.
"""


def card(plan=None, evaluation=None, promotion=None, fit=None):
    return model_card(
        plan or sample_plans.sample_plan(owner="flight-ops", metadata=METADATA),
        "k7q2",
        samples.sample_snapshot(),
        fit or samples.sample_fit(),
        evaluation or samples.sample_evaluation(),
        samples.sample_verdict_record(),
        promotion or samples.sample_promotion(),
    )


def test_a_card_says_what_for_from_what_how_good_and_within_what_limits():
    text = card()
    titles = [line for line in text.splitlines() if line.startswith("#")]
    assert titles == [
        "# flights-air-time 1.0.0",
        "## What it is for",
        "## Data",
        "## How good it is",
        "## Gates",
        "## Limits",
    ]
    assert "\nApproved: version 2 became the champion of flights-air-time (was version 1).\n" in text
    assert "| intended-use | crews |\n| regions | US, CA |" in text
    assert "| test | 2013-06-17 | 2013-07-01 | 12,695 |" in text
    assert METRICS in text
    assert "| data-rows | pass | 141,497 | at least 50,000 |" in text
    assert "- It has seen data until 2013-06-17 UTC; the figures are for 2013-06-17 to 2013-07-01 (14 days)." in text


def test_few_days_and_a_champion_that_was_not_compared_are_limits():
    evaluation = replace(
        samples.sample_first_evaluation(), num_groups=3, champion_problem="it has seen rows of the test window"
    )
    text = card(evaluation=evaluation)
    assert "- The intervals rest on 3 days only; fewer than ten make them too narrow." in text
    assert "- It was not compared with the champion: it has seen rows of the test window." in text


def test_a_card_without_metadata_says_so():
    assert "The template does not say; `metadata` is the field for it." in card(sample_plans.sample_plan())


def test_slices_are_shown_where_there_are_some():
    text = card(evaluation=samples.sample_evaluation(slices=samples.sample_slices()))
    assert "## By slice (mae)\n\nworst slices: carrier UA 10.22 [9.31, 11.13] of 2,310 rows" in text
    assert "\n| UA | 2,310 | 10.22 [9.31, 11.13] |" in text
    assert "By slice" not in card()


def test_rounds_are_counted_by_their_number_though_not_every_one_was_reported():
    fit = samples.sample_fit()
    last = replace(fit.epochs[-1], epoch=300)
    fit = replace(fit, epochs=(*fit.epochs, last), candidate=replace(fit.candidate, epoch=285))
    assert f"| trained | {fit.step} 285 of 300 is the best; stopped by " in card(fit=fit)
