"""What a person types in Python: doors that a notebook completes, arguments as they come to hand, short reprs."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import raytemplate as rt
from raytemplate import api
from raytemplate.api.plan import as_text
from raytemplate.errors import UsageError
from raytemplate.reports.typed import sets_of
from raytemplate.testing.samples import sample_evaluation, sample_rejected, sample_verdict

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
FILE = "flights-air-time.yaml"


def test_a_notebook_completes_every_door_and_the_page_names_it():
    assert set(dir(rt)) == {"__version__", *rt.__all__}
    assert [name for name in rt.__all__ if not callable(getattr(rt, name))] == []
    text = PAGE.read_text()
    assert [name for name in rt.__all__ if f"`{name}(" not in text] == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("latest", "latest"),
        (date(2013, 6, 1), "2013-06-01"),
        (datetime(2013, 6, 1, 6), "2013-06-01T06:00:00"),
        (datetime(2013, 6, 1, 6, tzinfo=UTC), "2013-06-01T06:00:00+00:00"),
    ],
)
def test_a_moment_may_be_a_text_a_date_or_a_time(given, text):
    assert as_text(given) == text


def test_a_path_and_a_date_make_the_same_plan_as_a_template_and_a_text(demo):
    by_hand = rt.plan(rt.load(demo / FILE), "2013-03-01")
    planned = rt.plan(str(demo / FILE), date(2013, 3, 1))
    assert planned.plan == by_hand.plan
    assert repr(planned).startswith(f"<plan {planned.plan.id} of flights-air-time, as of 2013-03-01, ")


def test_a_plan_made_in_python_prints_the_command_that_makes_it_again(demo):
    spec = rt.load(demo / FILE, set={"training.epochs": 2, "budget.time": "5m"}, variant="smoke")
    last = str(rt.plan(spec, "2013-03-01")).splitlines()[-1]
    assert last.endswith("--as-of 2013-03-01 --set training.epochs=2 --set 'budget.time=\"5m\"' --variant smoke")


def test_a_searched_field_is_set_by_its_own_dotted_name(demo):
    spec = rt.load(demo / FILE, set={"tuning.space.training.lr": "loguniform(1e-3, 1e-1)", "budget.trials": 4})
    assert [text.partition("=")[0] for text in sets_of(spec)] == ["tuning.space.training.lr", "budget.trials"]
    assert sets_of(spec)[1] == "budget.trials=4"


def test_models_is_a_function_though_a_package_has_the_name(tmp_path):
    from raytemplate.models import options  # noqa: F401  as any part of the program does

    assert rt.models(workspace=str(tmp_path)) == api.models(workspace=str(tmp_path)) == []


def test_reprs_fit_on_a_line(demo):
    assert repr(rt.load(demo / FILE)) == f"<template flights-air-time 1.0.0, tabular-mlp, {demo / FILE}>"
    assert repr(sample_verdict()).startswith("<Approved: ") and "pass" in repr(sample_verdict())
    assert "1 block" in repr(sample_rejected())
    scores = "candidate 6.94, champion 8.54, baseline 9.08"
    assert repr(sample_evaluation()) == f"<evaluation: mae of {scores} on 12,695 rows>"


def test_a_template_where_a_plan_is_wanted_is_one_clear_error(demo):
    with pytest.raises(UsageError) as refused:
        rt.run(rt.load(demo / FILE))
    assert refused.value.what == "run: got a TemplateSpec, expected what plan returns"
    assert refused.value.next_step == "run(plan(TEMPLATE, AS_OF))"
