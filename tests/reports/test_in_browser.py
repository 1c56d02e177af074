"""The report in a real browser: a phone shows it whole, and it asks for nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import browser
import pytest

from raytemplate.records.evaluated import CalibrationBin, Confusion, PredictionBin
from raytemplate.reports.page import MadeFrom, report_page
from raytemplate.reports.run_shown import RunView
from raytemplate.testing import sample_plans, samples

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium"),
]
LONG = "flights-air-time-of-the-northern-routes-by-season"


def _everything() -> str:
    """A page with every section, and with values that are longer than a phone is wide."""
    evaluation = samples.sample_evaluation(
        slices=samples.sample_slices(),
        columns=samples.sample_columns(),
        confusion=Confusion(classes=("late", "on time"), counts=((4123, 77), (88, 9999))),
        calibration=tuple(CalibrationBin(probability=p, share=p, num_rows=9) for p in (0.1, 0.9)),
        by_prediction=tuple(
            PredictionBin(num_rows=100, predicted=p, residuals=(-9e6, -2e6, 0.5, 3e6, 8e6)) for p in (4e7, 9e7, 3e8)
        ),
    )
    view = RunView(
        start=samples.sample_start(),
        plan=replace(sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage()), name=LONG),
        snapshot=samples.sample_snapshot(),
        fit=samples.sample_fit(),
        evaluation=evaluation,
        verdict=samples.sample_rejected(),
        end=samples.sample_end(),
        trials=samples.sample_trials(),
        sweep=samples.sample_sweep(),
    )
    made = MadeFrom(
        code_sha256="c0de" * 16,
        environment={"python": "3.11.9"},
        resolved={"features": {"columns": {"precipitation": {"transform": "log"}}}},
        origins={"features.columns.precipitation.transform": f"{LONG}.yaml:25"},
    )
    return report_page(view, made, [])


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "run.html").write_text(_everything())
    return {"theme": request.param, **browser.opened(folder, ["run.html"], dark=request.param == "dark")["run.html"]}


def test_a_phone_shows_all_of_it_and_asks_for_nothing_else(seen: dict[str, Any]) -> None:
    assert seen["width"] <= browser.PHONE
    assert {name: seen[name] for name in ("broken", "cut", "small", "requests")} == {
        "broken": [], "cut": [], "small": [], "requests": [],
    }  # fmt: skip


def test_dark_is_dark(seen: dict[str, Any]) -> None:
    text, background = (sum(map(int, colour[4:-1].split(", "))) for colour in seen["colours"])
    assert (text > background) == (seen["theme"] == "dark")
