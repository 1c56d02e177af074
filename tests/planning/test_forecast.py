"""Estimates grow with the work, learn from earlier runs, and cost what is held."""

from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sample_inventory import inventory, source, spec_of

from raytemplate.data.conditions import as_target
from raytemplate.data.sources.reader import list_files
from raytemplate.planning.classes import count_classes
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.inventory import Timing
from raytemplate.planning.order import order_of
from raytemplate.spec.load import load


def forecast(changes=None, rows_a_month=28_000, **others):
    changes = {"budget.time": "20h", "budget.cost": "1000 USD"} | (changes or {})
    found = inventory(*others.pop("nodes", ()), source=source(rows_a_month), **others)
    return compile_plan(spec_of(changes), found, "2013-06-01").forecast


def test_ten_times_the_rows_raise_the_estimate_of_training_fivefold():
    assert forecast(rows_a_month=280_000).stage_s("fit") >= 5 * forecast().stage_s("fit")


def test_ten_times_the_rows_raise_the_whole_estimate_as_far_as_the_start_of_ray_lets_them():
    assert forecast(rows_a_month=280_000).seconds >= 4.5 * forecast().seconds


def test_ten_times_twice_the_rows_raise_the_whole_estimate_fivefold():
    assert forecast(rows_a_month=500_000).seconds >= 5 * forecast(rows_a_month=50_000).seconds


def test_ten_times_the_epochs_raise_the_estimate_of_training():
    assert forecast({"training.epochs": 60}).stage_s("fit") >= 5 * forecast().stage_s("fit")


@pytest.mark.parametrize("kind", ["tabular-mlp", "lightgbm"])
def test_the_shipped_job_is_expected_to_take_seconds(kind):
    found = forecast({"model.kind": kind})
    assert 4 < found.seconds < 20
    assert found.low_s < found.seconds < found.high_s


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "linear"])
def test_what_trains_in_memory_reads_a_stream_once_and_not_for_every_round(kind):
    modes = ("memory", "stream")
    memory, stream = (forecast({"model.kind": kind, "data.ingest": mode}).stage_s("fit") for mode in modes)
    assert 0.5 < stream - memory < 2.0
    assert forecast({"data.ingest": "stream"}).stage_s("fit") > forecast().stage_s("fit")


def test_earlier_runs_correct_the_estimate():
    before = forecast()
    slow = tuple(Timing(stage=s.stage, family="tabular-mlp", work=s.work, seconds=3 * s.seconds) for s in before.stages)
    after = forecast(history=slow + slow)
    assert after.stage_s("fit") == pytest.approx(3 * before.stage_s("fit"))
    assert after.runs_seen == 2
    assert after.high_s / after.seconds < before.high_s / before.seconds


def test_another_familys_training_is_no_precedent():
    slow = (Timing(stage="fit", family="lightgbm", work=1.0, seconds=500.0),)
    assert forecast(history=slow).stage_s("fit") == forecast().stage_s("fit")


def test_cost_is_the_price_of_what_is_held():
    found = forecast({"budget.prices.local": 3.6})
    assert found.cost_usd == pytest.approx(found.seconds * 0.001)
    assert forecast().cost_usd == 0.0


TEMPLATE = """\
name: wide
data: {{source: data, time: time_hour, target: y, task: {task}, windows: {{train: 90d, validation: 14d, test: 28d}}}}
features: {{numeric: [{names}]}}
model: {{kind: {kind}}}
budget: {{time: 20h, trials: 8}}
tuning: {{slots: 1, space: {space}}}
evaluation: {{metric: {metric}, baseline: {{mean_by: []}}}}
governance: {{gates: {{}}}}
"""


@pytest.fixture
def wide(tmp_path):
    """Forecasts for a number of columns and classes (1 for a number), and of a sweep if there is a space."""

    def of(*, columns=10, classes=1, kind="lightgbm", space="{}", files=None):
        names = [f"x{n}" for n in range(columns)]
        task, metric = ("regression", "rmse") if classes == 1 else ("multiclass", "log-loss")
        text = TEMPLATE.format(task=task, names=", ".join(names), kind=kind, space=space, metric=metric)
        text = text if space != "{}" else text.replace("tuning: {slots: 1, space: {}}\n", "").replace(", trials: 8", "")
        (tmp_path / "wide.yaml").write_text(text)
        schema = {"time_hour": "timestamp[us, tz=UTC]", "y": "string" if classes != 1 else "double"}
        found = source(28_000, {**schema, **dict.fromkeys(names, "double")}) if files is None else files
        spec = load(tmp_path / "wide.yaml", environ={})
        return compile_plan(spec, inventory(source=found, num_classes=classes), "2013-06-01").forecast

    return of


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("number", [3, 7, 20])
def test_each_class_has_a_tree_a_round(wide, kind, number):
    one, many = wide(kind=kind), wide(kind=kind, classes=number)
    assert 0.7 * number < many.stage_s("fit") / one.stage_s("fit") < 1.05 * number
    assert many.stage_s("evaluate") > one.stage_s("evaluate")


@pytest.mark.slow
def test_columns_are_examined_one_by_one_for_ten_seconds_at_most(wide):
    few, many, more, most = (wide(columns=n).stage_s("evaluate") for n in (10, 210, 4000, 5000))
    assert 0.9 < many - few < 1.5
    assert more - few > 10 and most - more < 2


def test_classes_that_nobody_could_count_are_taken_for_a_few(wide):
    few, unknown, many = (wide(classes=n).stage_s("fit") for n in (3, 0, 20))
    assert few < unknown < many


def test_trials_of_trees_are_timed_by_classes_columns_and_the_rounds_that_they_draw(wide):
    def trial_s(draw="int(50, 150)", **more):
        (sweep,) = (s for s in wide(space=f"{{model.num_trees: '{draw}'}}", **more).stages if s.stage == "sweep")
        return sweep.seconds / sweep.work

    assert 5 < trial_s(classes=7) / trial_s() < 7.1
    assert 1.6 < trial_s("int(100, 300)", classes=7) / trial_s(classes=7) < 2.1
    assert trial_s(columns=200) > 5 * trial_s()


def test_files_take_a_time_to_look_up_and_to_open_each(wide):
    def seconds(number):
        found = source(
            28_000, {"time_hour": "timestamp[us, tz=UTC]", "y": "double", **{f"x{n}": "double" for n in range(10)}}
        )
        split = [
            replace(f, path=f"{n}-{f.path}", slices=tuple(thin(g, number) for g in f.slices))
            for f in found.files
            for n in range(number)
        ]
        forecast = wide(files=replace(found, files=tuple(split)))
        return forecast.start_s + forecast.stage_s("ingest")

    def thin(group, number):
        return replace(group, num_rows=group.num_rows // number)

    few, thousand, many = map(seconds, (1, 200, 2000))  # files a month, of which the windows have about five
    assert 1 < thousand - few < 4
    assert many - few == pytest.approx(10 * (thousand - few), rel=0.1)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "linear", "tabular-mlp"])
def test_columns_lengthen_reading_and_training(wide, kind):
    few, more, many = (wide(columns=number, kind=kind) for number in (10, 200, 2000))
    assert few.stage_s("ingest") < more.stage_s("ingest") < many.stage_s("ingest")
    grown = [found.stage_s("fit") - few.stage_s("fit") for found in (more, many)]
    assert 5 < grown[1] / grown[0] < 15
    assert many.stage_s("fit") > 10 * few.stage_s("fit")


def test_classes_are_counted_in_a_few_row_groups_of_the_target_alone(tmp_path):
    (tmp_path / "data").mkdir()
    for month in range(1, 7):
        times = [datetime(2013, month, 1 + n % 28) for n in range(60)]
        y = [None if n % 9 == 8 else " " if n % 9 == 7 else f"c{n % 7}" for n in range(60)]
        pq.write_table(pa.table({"time_hour": times, "y": y, "x0": range(60)}), tmp_path / "data" / f"{month}.parquet")
    text = TEMPLATE.format(task="multiclass", names="x0", kind="lightgbm", space="{}", metric="log-loss")
    (tmp_path / "wide.yaml").write_text(text)
    spec = load(tmp_path / "wide.yaml", environ={})
    assert count_classes(spec, list_files(spec.data.format, order_of(spec))) == 7


@pytest.mark.parametrize(
    ("target", "values", "right"),
    [("y", [["a"], ["b"]], 0), ("time in bed", ["a", "b"], 2), ("a = b", [1, 2], 2)],
    ids=["lists", "blanks", "a sign"],
)
def test_classes_are_counted_of_any_name_and_of_what_can_be_a_class(tmp_path, target, values, right):
    (tmp_path / "data").mkdir()
    times = [datetime(2013, 1, 1), datetime(2013, 1, 2)]
    pq.write_table(pa.table({"time_hour": times, target: values, "x0": [1, 2]}), tmp_path / "data" / "a.parquet")
    text = TEMPLATE.format(task="multiclass", names="x0", kind="lightgbm", space="{}", metric="log-loss")
    (tmp_path / "wide.yaml").write_text(text)
    spec = load(tmp_path / "wide.yaml", overrides={"data.target": as_target(target)}, environ={})
    assert count_classes(spec, list_files(spec.data.format, order_of(spec))) == right
