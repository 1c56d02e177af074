"""Cards are from records alone, named for model and version, and have no group of few rows."""

from dataclasses import replace

from raytemplate.records.evaluated import Confusion
from raytemplate.reports.cards import CardRecords, cards_of
from raytemplate.testing import sample_plans, samples


def records(**changes):
    found = CardRecords(
        plan=sample_plans.sample_plan(), run_id="k7q2", snapshot=samples.sample_snapshot(), fit=samples.sample_fit(),
        evaluation=samples.sample_evaluation(slices=samples.sample_slices()), verdict=samples.sample_verdict_record(),
        promotion=samples.sample_promotion(version=3), profile=samples.sample_profile(),
    )  # fmt: skip
    return replace(found, **changes)


def test_they_are_named_for_the_version_or_else_the_run():
    names = [card.name for card in cards_of(records())]
    assert names == [f"flights-air-time/3/{what}" for what in ("model-card", "data-card", "evaluation-report")]
    assert [card.data["name"] for card in cards_of(records())] == names
    assert cards_of(records(promotion=None))[0].name == "flights-air-time/k7q2/model-card"


def test_the_data_card_tells_windows_columns_and_what_is_missing():
    _, card, _ = cards_of(records())
    assert "| train | 2013-01-01 | 2013-06-10 | 141,497 | 4,781 |" in card.markdown
    assert "| `distance` | numeric | number | 10.0% |" in card.markdown
    assert card.data["files"][0]["sha256"] == "01" * 32
    told = {column["name"]: column for column in card.data["columns"]}
    assert told["distance"] == {"name": "distance", "used_as": "numeric", "type": "number", "share_missing": 0.1}


def test_the_evaluation_report_tells_metrics_slices_and_gates():
    *_, card = cards_of(records())
    assert "| mae (decides) | 6.94 [6.44, 7.44] |" in card.markdown and "## By carrier (mae)" in card.markdown
    assert card.data["verdict"] == "Approved" and card.data["metric"] == "mae"


def test_few_rows_are_not_told_apart():
    few = tuple(replace(one, num_rows=9, value="canary") for one in samples.sample_slices())
    confusion = Confusion(classes=("a", "b"), counts=((500, 7), (0, 800)))
    found = records(evaluation=samples.sample_evaluation(slices=few, confusion=confusion))
    for card in cards_of(found):
        assert "canary" not in card.markdown and "canary" not in str(card.data)
    report = cards_of(found)[2].markdown
    assert "| a | 500 | fewer than 10 |" in report and "| b | 0 | 800 |" in report
