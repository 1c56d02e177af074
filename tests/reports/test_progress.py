"""The lines of a run, whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest

from raytemplate.records.fitted import Restart
from raytemplate.records.judged import Finding
from raytemplate.reports import progress
from raytemplate.reports.lines import Lines
from raytemplate.testing import sample_plans, samples

LOST = Restart(
    at=datetime(2026, 11, 29, tzinfo=UTC),
    why="a machine of the cluster was lost: NodeDiedError: gone",
    from_epoch=3,
    num_workers=2,
)
LINES = """\
flights-air-time 1.0.0   as of 2013-07-01 UTC   plan 81be07   run k7q2

  … waiting for Ray
  … ingest     reading
  ✓ ingest     166,054 rows; 5,464 dropped: air_time is null    0.9 s
  … fit        training
  ✓ fit        tabular-mlp, 6 epochs, validation mae 7.31       3.1 s
  … evaluate   scoring
  ✓ evaluate   12,695 test rows, 14 days                        0.6 s
  … govern     judging
  ✓ govern     4 gates                                          0.1 s
all is well
"""


def test_lines_of_a_whole_run() -> None:
    plan, out = sample_plans.sample_plan(id="81be07", as_of=sample_plans.day(7, 1)), StringIO()
    seconds = {timing.stage: timing.actual_s for timing in samples.sample_end().timings}
    records = {
        "ingest": samples.sample_snapshot(), "fit": samples.sample_fit(), "evaluate": samples.sample_evaluation(),
        "govern": samples.sample_verdict_record(),
    }  # fmt: skip
    heard = Lines(out)
    heard.started(plan, "k7q2")
    for stage, record in records.items():
        heard.stage_started(stage)
        heard.epoch(samples.sample_fit().epochs[0], plan, 60.0)  # soon after the last line: not told
        heard.stage_ended(stage, record, seconds[stage])
    heard.note("all is well")
    assert out.getvalue() == LINES


def test_ingest_text_without_a_row_rule() -> None:
    assert progress.ingest_text(samples.sample_snapshot()) == "166,054 rows"


def test_ingest_text_with_rows_that_have_no_time() -> None:
    snapshot = samples.sample_snapshot()
    first, *rest = snapshot.files
    holes = replace(snapshot, files=(replace(first, num_without_time=3), *rest))
    assert progress.ingest_text(holes, "y is null") == "166,054 rows; 5,464 dropped: y is null; 3 more have no time"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"stopped": "early stopping"}, "tabular-mlp, 6 epochs (early stopping), validation mae 7.31"),
        ({"stopped": "budget.time"}, "tabular-mlp, 6 epochs (stopped by budget.time), validation mae 7.31"),
        ({"resumed_from_epoch": 3}, "tabular-mlp, 6 epochs, resumed after 3, validation mae 7.31"),
        (
            {"resumed_from_epoch": 3, "restarts": (LOST,)},
            (
                "tabular-mlp, 6 epochs, resumed after 3, started again 1 time (a machine of the cluster was lost), "
                "validation mae 7.31"
            ),
        ),
        (
            {"restarts": (LOST, LOST)},
            (
                "tabular-mlp, 6 epochs, started again 2 times (the last time: a machine of the cluster was lost), "
                "validation mae 7.31"
            ),
        ),
        (
            {
                "candidate": samples.sample_candidate(family="lightgbm"),
                "epochs": samples.sample_epochs(1),
                "step": "round",
            },
            "lightgbm, 1 round, validation mae 7.31",
        ),
    ],
    ids=["early stopping", "budget", "resumed", "lost once", "lost twice", "trees"],
)
def test_fit_text(changes: dict[str, object], text: str) -> None:
    assert progress.fit_text(samples.sample_fit(**changes)) == text


def test_evaluate_text_when_rows_are_resampled() -> None:
    assert progress.evaluate_text(samples.sample_evaluation(resample="row")) == "12,695 test rows"


def test_govern_text_counts_what_did_not_pass() -> None:
    verdict = samples.sample_rejected(waivers=(samples.sample_waiver(),))
    assert progress.govern_text(verdict) == "4 gates, 1 blocked, 1 waived"


def test_a_rule_that_holds_is_no_gate() -> None:
    again = Finding(gate="same-again", outcome="hold", found="only the seed or chance differs")
    verdict = samples.sample_held(findings=(*samples.sample_findings(), again))
    assert progress.govern_text(verdict) == "4 gates, 1 held"


def test_epoch_line() -> None:
    assert progress.epoch_line(3, 6, "mae", 7.431, 812_345.0, 2.2) == (
        "epoch 3 of 6, validation mae 7.43, 812,000 rows/s, 2 s left"
    )


def test_epoch_line_of_trees_before_the_time_left_is_known() -> None:
    assert progress.epoch_line(20, 200, "r2", 0.9623, 950.0, step="round") == (
        "round 20 of 200, validation r2 0.962, 950 rows/s"
    )
