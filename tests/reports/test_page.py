"""The HTML page of a run: whole, self-contained, escaped, and small."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import CalibrationBin, Confusion, Latency, PredictionBin
from raytemplate.records.fitted import Usage
from raytemplate.records.run import RunEnd
from raytemplate.reports.history import EventRow
from raytemplate.reports.page import MadeFrom, report_page
from raytemplate.reports.run_shown import RunView
from raytemplate.testing import sample_plans, samples
from raytemplate.testing.sample_plans import day
from raytemplate.testing.samples import SAMPLE_TIME
from raytemplate.tuning.space import Knob

VOID = {"meta", "br"}
MADE = MadeFrom(code_sha256="c0de" * 16, environment={"python": "3.11.9", "ray": "2.60.0"})
EVENT = EventRow(at=SAMPLE_TIME, event="promoted", version=2, previous_version=1, run_id="k7q2", by="ada")


class Balanced(HTMLParser):
    """Fails on a tag that is closed in the wrong order; records all tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def _view() -> RunView:
    return RunView(
        start=samples.sample_start(),
        plan=sample_plans.sample_plan(id="81be07", as_of=day(7, 1)),
        snapshot=samples.sample_snapshot(),
        fit=samples.sample_fit(),
        evaluation=samples.sample_evaluation(),
        verdict=samples.sample_verdict(),
        promotion=samples.sample_promotion(),
        end=samples.sample_end(),
    )


def _parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_page_draws_the_raw_profile_and_tells_if_none_was_kept() -> None:
    page = report_page(_view(), MADE, [EVENT], profile=samples.sample_profile())
    labels = [attrs.get("aria-label") for tag, attrs in _parsed(page).seen if tag == "svg"]

    assert "rows of distance from 20.06 to 608.06" in labels and "the target by time" in labels
    assert "rows of the most frequent values of carrier" in labels and "UA 60 %, &lt;b&gt; 39 %" in page
    assert "each in few rows; 3 to 80 characters, 41 on average" in page and "no profile kept" not in page
    before = report_page(_view(), MADE, [EVENT])
    assert "no profile kept" in before and "the target by time" not in before


def test_page_is_whole_and_asks_for_nothing_outside() -> None:
    page = report_page(_view(), MADE, [EVENT])
    tags = _parsed(page).seen
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe"}
    assert not [attrs for _, attrs in tags if {"src", "href", "xlink:href"} & attrs.keys()]
    assert not re.search(r"https?:|@import|url\(", page)
    assert [tag for tag, _ in tags].count("svg") == 4
    assert len(page.encode()) < 500_000


def test_every_record_is_on_the_page() -> None:
    page = report_page(_view(), MADE, [EVENT])
    view = _view()
    assert view.snapshot and view.fit
    figures = [
        "k7q2", "81be07", "6.94", "8.54", "9.08", "-1.60 [-2.61, -0.83]", "11.20", "0.985", "better by 0.83 to 2.61",
        "141,497", "4,781", "8.1 s", "9.0 s", "812,345 rows/s", "c0de" * 16, "ray 2.60.0",
        view.snapshot.digest, view.snapshot.files[0].sha256, view.fit.candidate.digest, "version 2 became the champion",
    ]  # fmt: skip
    assert [figure for figure in figures if figure not in page] == []


def test_classes_have_a_table_of_which_is_taken_for_which() -> None:
    found = Confusion(classes=("late", "<b>on time"), counts=((4123, 77), (88, 9999)))
    view = replace(_view(), evaluation=replace(samples.sample_evaluation(), confusion=found))
    page = report_page(view, MADE, [EVENT])
    _parsed(page)
    assert '<tr><th>late</th><td class="n pass">4,123</td><td class="n">77</td></tr>' in page
    assert "&lt;b&gt;on time" in page and "<b>on time" not in page
    assert "predicted class" not in report_page(_view(), MADE, [EVENT])


def test_the_axes_of_the_table_of_classes_say_which_is_which() -> None:
    found = Confusion(classes=("late", "on time"), counts=((4123, 77), (88, 9999)))
    page = report_page(replace(_view(), evaluation=replace(samples.sample_evaluation(), confusion=found)), MADE, [])
    assert '<th class="n" colspan="2">predicted</th></tr>\n<tr><th>actual</th><th class="n">late</th>' in page


def test_columns_are_drawn_by_what_the_model_leans_on() -> None:
    page = report_page(
        replace(_view(), evaluation=samples.sample_evaluation(columns=samples.sample_columns())), MADE, []
    )
    _parsed(page)
    rows = re.findall("<tr><td class=.w.>(.*?)</td><td class=.w.>(.*?)</td><td class=.n.>(.*?)</td></tr>", page)
    assert [row for row in rows if row[0] in ("distance", "temp", "carrier")] == [
        ("distance", "61.20 [55.90, 66.00]", "0.86"),
        ("temp", "0.0300 [-0.0200, 0.0800]", "0.00"),
        ("carrier", "not measured", "0.04"),
    ]
    assert 'aria-label="what the metric loses without each column"' in page


def test_numbers_predicted_are_drawn_against_what_came() -> None:
    bins = tuple(
        PredictionBin(num_rows=100, predicted=float(p), residuals=(-9.0, -2.0, 0.5, 3.0, 8.0)) for p in (40, 90, 300)
    )
    page = report_page(replace(_view(), evaluation=samples.sample_evaluation(by_prediction=bins)), MADE, [])
    _parsed(page)
    assert page.count('class="band"') == 4
    assert 'aria-label="actual by predicted"' in page and 'aria-label="residual by predicted"' in page


def test_trees_have_rounds() -> None:
    epochs = tuple(replace(samples.sample_fit().epochs[0], epoch=n) for n in (1, 2))
    view = replace(_view(), fit=replace(samples.sample_fit(), step="round", epochs=epochs))
    page = report_page(view, MADE, [])
    assert "validation mae by round" in page and "from round 6" in page and "epoch" not in page.split("What it was")[0]


def test_the_data_is_described_by_column() -> None:
    numbers = pa.table({"air_time": [30.5, 40.0], "distance": [80, None], "carrier": ["<b>", "UA"]})
    kinds = {"distance": "numeric", "carrier": "categorical"}
    steps = [FeatureStep(column=column, kind=kind, settings=Settings()) for column, kind in kinds.items()]
    page = report_page(_view(), MADE, [], feature_statistics(numbers, steps, "air_time"))
    _parsed(page)
    rows = re.findall("<tr>" + "<td[^>]*>(.*?)</td>" * 5 + "</tr>", page)
    assert [row for row in rows if row[1] in ("target", "numeric", "categorical")] == [
        ("air_time", "target", "number", "", "30.5 to 40, mean 35.25"),
        ("distance", "numeric", "number", "50.0 %", "80 to 80, mean 80"),
        ("carrier", "categorical", "text", "", "2 values: &lt;b&gt; 50 %, UA 50 %"),
    ]


def test_slices_are_tables_with_strips() -> None:
    view = replace(_view(), evaluation=samples.sample_evaluation(slices=samples.sample_slices()))
    page = report_page(view, MADE, [])
    rows = [row for row in re.findall("<tr>.*?</tr>", page, re.DOTALL) if 'aria-label="on the scale' in row]
    assert [re.findall("<td[^>]*>([^<]*)</td>", row) for row in rows] == [
        ["UA", "2,310", "10.22", "[9.31, 11.13]", "11.40"],
        ["DL", "1,804", "6.10", "[5.60, 6.60]", "7.90"],
        ["OO", "3", "30.50", "", "31.00"],
        ["below 502", "2,539", "4.40", "[4.10, 4.80]", "4.90"],
        ["2,475 or more", "2,540", "9.90", "[9.00, 10.90]", "10.20"],
    ]
    # One scale for each table, made for slices with enough rows; an unknown interval reaches from end to end.
    dots = [float(found) for row in rows for found in re.findall('dot0" cx="([0-9.]+)"', row)]
    assert dots[1] < dots[0] < dots[2] and dots[3] < dots[4]
    assert 'x1="5.0" x2="235.0" y1="10"' in rows[2]
    _parsed(page)


def test_slices_without_a_champion_have_no_column_for_it() -> None:
    slices = tuple(replace(one, champion=None) for one in samples.sample_slices())
    page = report_page(replace(_view(), evaluation=replace(samples.sample_first_evaluation(), slices=slices)), MADE, [])
    assert "11.13]" in page and "11.40" not in page and "orange" not in page
    _parsed(page)


def test_calibration_is_drawn_from_what_was_said_to_what_came() -> None:
    bins = (
        CalibrationBin(probability=0.1, share=0.2, num_rows=900),
        CalibrationBin(probability=0.75, share=0.5, num_rows=100),
    )
    page = report_page(replace(_view(), evaluation=samples.sample_evaluation(calibration=bins)), MADE, [])
    assert 'points="66.0,218.0 235.0,140.0"' in page
    assert re.findall('dot0" cx="[0-9.]+" cy="[0-9.]+" r="([0-9.]+)"', page)[-2:] == ["8.0", "4.0"]
    _parsed(page)


def test_time_of_a_batch_is_told_where_it_was_measured() -> None:
    latency = Latency(p95_s=0.0042, num_rows=1000, num_times=40)
    page = report_page(replace(_view(), evaluation=samples.sample_evaluation(latency=latency)), MADE, [])
    assert "4 ms or less for 1,000 rows at once" in page


def test_what_the_template_says_has_its_reason_and_its_place() -> None:
    made = replace(
        MADE,
        resolved={"name": "taxi", "training": {"epochs": 6, "lr": 0.001}, "data": {"keys": ["a", "b"]}},
        origins={"training.epochs": "taxi.yaml:9", "data.keys": "taxi.yaml:4"},
        reasons={"training.epochs": "more & more <b>overfits"},
    )
    page = report_page(_view(), made, [])
    _parsed(page)
    assert (
        '<td class="w">training.epochs</td><td class="t">6</td><td class="t">more &amp; more &lt;b&gt;overfits</td>'
        '<td class="w dim">taxi.yaml:9' in page
    )
    assert (
        '<td class="w">data.keys</td><td class="t">[a, b]</td><td class="t"></td>' in page and "training.lr" not in page
    )
    assert "What the template says" not in report_page(_view(), MADE, [])


def _swept(**changes: object) -> RunView:
    plan = sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage())
    view = replace(_view(), plan=plan, trials=samples.sample_trials(), sweep=samples.sample_sweep())
    return replace(view, **changes)


def test_a_sweep_has_a_section_of_its_own() -> None:
    page = report_page(_swept(), MADE, [])
    tags = [tag for tag, _ in _parsed(page).seen]
    assert tags.count("svg") == 7 and not {"script", "img", "link"} & {*tags}
    figures = [
        "Trial 5 won. The sweep ended because it had tried the 12 trials that budget.trials allows.",
        "<b>12 trials</b>", "planned 12, at most 12", "<b>17 s</b>", "limit of the run 10m", "tpe (TPESampler)",
        "1 worse than 9.10 on the upper edge; 2 that cannot win below the scale", "the best 5 of 10 trials",
        "it is a hint",
        "training.lr 0.0011, model.hidden 128, model.dropout 0.2 (winner)",
        "and 2 more: raytemplate show k7q2 --trials",
    ]  # fmt: skip
    assert [figure for figure in figures if figure not in page] == []
    assert page.count('class="won"') == 2 and "USD</th>" not in page
    assert "<h2>Sweep" not in report_page(_view(), MADE, [])


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        ("all values tried", "every value that can be drawn had been tried."),
        ("budget.time", "no other trial fitted into what was left of budget.time, 10m."),
        ("budget.cost", "no other trial fitted into what was left of budget.cost, 1 USD."),
        ("budget.per_trial", "no other trial fitted into budget.per_trial, 90s."),
    ],
)
def test_why_a_sweep_ended_is_said(ended: str, why: str) -> None:
    plan = sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage(per_trial_s=90.0))
    page = report_page(_swept(plan=plan, sweep=samples.sample_sweep(ended=ended)), MADE, [])
    assert f"The sweep ended because {why}" in page


def test_money_of_a_sweep_is_told_where_it_has_a_price() -> None:
    view = _swept()
    plan = replace(view.plan, limits=replace(view.plan.limits, usd_per_s=0.01))
    trials = tuple(replace(one, cost_usd=0.02) for one in view.trials)
    usage = Usage(wall_clock_s=17.0, cpu_s=31.0, cost_usd=0.17)
    page = report_page(_swept(plan=plan, trials=trials, sweep=samples.sample_sweep(usage=usage)), MADE, [])
    assert "<b>0.17 USD</b>" in page and '<td class="n">0.0200</td>' in page


def test_an_unfinished_sweep_shows_the_trials_so_far() -> None:
    page = report_page(_swept(trials=samples.sample_trials()[:3], sweep=None, fit=None, end=None), MADE, [])
    _parsed(page)
    assert "The sweep has not ended: there is no winner yet." in page
    assert "Not computed: it takes 10 trials that may win, but there are 2." in page
    assert "(winner)" not in page and "ring" not in re.sub("<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "<h2>Sweep" not in report_page(_swept(trials=(), sweep=None), MADE, [])


def test_values_of_a_sweep_are_text() -> None:
    evil = "<script>x</script>"
    space = (Knob(name="model.kind", draw=f'choice("{evil}", b)'), Knob(name="training.lr", draw="uniform(0, 1)"))
    values = Settings({"model.kind": evil, "training.lr": 0.5})
    trials = tuple(replace(one, values=values) for one in samples.sample_trials())
    plan = sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage(space=space))
    page = report_page(_swept(plan=plan, trials=trials, sweep=samples.sample_sweep(best=trials[4])), MADE, [])
    _parsed(page)
    assert "<script" not in page and "&lt;script&gt;" in page


def test_hostile_strings_are_text() -> None:
    evil = "<script>alert('1')</script>"
    view = _view()
    start = samples.sample_start(user=evil, template=evil)
    plan = replace(view.plan, name=evil, machine=evil)
    finding = replace(samples.sample_blocked(), found=evil, hint=evil)
    evaluation = samples.sample_evaluation(slices=(replace(samples.sample_slices()[0], by=evil, value=evil),))
    verdict = samples.sample_rejected(findings=(finding,), waivers=(samples.sample_waiver(reason=evil),))
    page = report_page(
        replace(view, start=start, plan=plan, evaluation=evaluation, verdict=verdict, promotion=None),
        MADE,
        [replace(EVENT, reason=evil)],
    )
    assert "<script" not in page and page.count("&lt;script&gt;") >= 10
    _parsed(page)


def test_unfinished_and_failed_runs_have_a_page() -> None:
    view = RunView(start=samples.sample_start(), plan=_view().plan)
    assert "The run has not ended." in report_page(view, MADE, [])
    end: RunEnd = samples.sample_end(state="failed", exit_code=9, message="fit: the loss became NaN in epoch 2")
    failed = report_page(replace(view, end=end), MADE, [])
    _parsed(failed)
    assert "fit: the loss became NaN in epoch 2" in failed and 'class="health failed"' in failed
