"""What was masked is named wherever a run is shown: the column and what was done to it."""

from dataclasses import replace

from raytemplate.data.masking import Mask
from raytemplate.records.codec import Settings
from raytemplate.reports.model_card import model_card
from raytemplate.reports.page import MadeFrom, report_page
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.testing import sample_plans, samples

MASK = Mask(rules=Settings({"tailnum": "hash", "zip": {"truncate": 3}}), key="secret:env:K")
PLAN = sample_plans.sample_plan()
MASKED = replace(PLAN, ingest=replace(PLAN.ingest, mask=MASK))


def view(plan):
    return RunView(start=samples.sample_start(), plan=plan, snapshot=samples.sample_snapshot())


def card(plan):
    records = (samples.sample_snapshot(), samples.sample_fit(), samples.sample_evaluation())
    return model_card(plan, "k7q2", *records, samples.sample_verdict_record(), None)


def test_show_and_report_name_the_masked_columns():
    shown, page = show_run(view(MASKED)), report_page(view(MASKED), MadeFrom(code_sha256="c", environment={}), ())
    assert "\n  masked       tailnum (hashed), zip (first 3 characters)\n" in shown
    assert "<tr><th>masked</th><td>tailnum (hashed), zip (first 3 characters)</td></tr>" in page
    assert "masked" not in show_run(view(PLAN))


def test_the_model_card_names_the_masked_columns():
    line = "Masked as they were read, and when it predicts: `tailnum` (hashed), `zip` (first 3 characters)."
    assert line in card(MASKED).splitlines()
    assert "Masked" not in card(PLAN)
