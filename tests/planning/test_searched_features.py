"""Features that trials draw: their steps, what is read and held for all trials, and the steps of the last training."""

from dataclasses import replace

from sample_inventory import inventory, spec_of

from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.features import drawn_steps
from raytemplate.planning.trial import settled, trial_stage
from raytemplate.records.codec import Settings
from raytemplate.testing.samples import sample_sweep

DEST = "features.columns.dest"
SPACE = {"features.columns.precip.transform": "choice(log, none)", f"{DEST}.min_count": "int(1, 50)"}
KINDS = {
    f"{DEST}.kind": "choice(categorical, target-mean)",
    f"{DEST}.smoothing": {"draw": "loguniform(1, 100)", "when": {f"{DEST}.kind": "target-mean"}},
}


def planned(space=None, changes=None):
    tuning = {"tuning": {"space": space}} if space else {}
    return compile_plan(spec_of({**tuning, **(changes or {})}), inventory(), "2013-06-01")


def step(steps, column):
    return next(one for one in steps if one.column == column)


def test_the_steps_of_a_trial_have_what_it_drew():
    ingest = planned(SPACE).ingest
    steps = drawn_steps(
        ingest, {"training.lr": 0.1, "features.columns.precip.transform": "none", f"{DEST}.min_count": 9}
    )
    assert dict(step(steps, "precip").settings) == {"transform": "none"}
    assert dict(step(steps, "dest").settings) == {"min_count": 9}
    changed = {"precip", "dest"}
    assert [s for s in steps if s.column not in changed] == [s for s in ingest.features if s.column not in changed]


def test_values_that_are_those_of_the_template_change_nothing():
    ingest = planned(SPACE).ingest
    for values in ({}, {"training.lr": 0.1}, {"features.columns.precip.transform": "log", f"{DEST}.min_count": 1}):
        assert drawn_steps(ingest, values) == ingest.features


def test_a_mean_of_the_target_has_folds_whichever_way_it_came_to_be_one():
    ingest = planned(KINDS).ingest
    drawn = drawn_steps(ingest, {f"{DEST}.kind": "target-mean", f"{DEST}.smoothing": 3.5})
    written = planned(changes={f"{DEST}.kind": "target-mean", f"{DEST}.smoothing": 3.5}).ingest
    assert step(drawn, "dest") == step(written.features, "dest")
    assert step(drawn, "dest").settings["fold_by"] == ["time_hour", "carrier", "flight", "origin"]
    assert step(drawn_steps(written, {f"{DEST}.kind": "categorical"}), "dest").kind == "categorical"
    assert "fold_by" not in step(drawn_steps(written, {f"{DEST}.kind": "hashing"}), "dest").settings


def test_a_drawn_kind_does_not_have_the_settings_of_the_one_before():
    ingest = planned({"features.columns.precip.kind": "choice(numeric, buckets)"}).ingest
    assert dict(step(ingest.features, "precip").settings) == {"transform": "log"}
    drawn = step(drawn_steps(ingest, {"features.columns.precip.kind": "buckets"}), "precip")
    assert (drawn.kind, dict(drawn.settings)) == ("buckets", {})


def test_columns_that_any_trial_needs_are_read():
    assert planned(SPACE).ingest.only_keys == ("flight",)
    assert "flight" in planned(KINDS).ingest.columns and not planned(KINDS).ingest.only_keys


def test_raw_rows_and_encodings_of_the_trials_at_once_are_counted():
    none, two, many = (
        planned({"training.lr": "uniform(0.1, 1)"}).ingest,
        planned({"features.columns.precip.transform": "choice(log, none)"}).ingest,
        planned(SPACE).ingest,
    )
    assert [one.keeps_rows for one in (none, two, many)] == [False, True, True]
    rows = sum(window.num_rows for window in none.windows[:2])
    values = rows * len(none.columns)
    assert two.memory_bytes - none.memory_bytes == values * (8 + 2 * 4)
    assert many.memory_bytes - none.memory_bytes == values * (8 + 3 * 4)  # two trials at once, and one more


def test_trials_of_more_workers_are_fewer_at_once_and_keep_fewer_encodings():
    eight = {"resources.workers": 2, "resources.per_worker": {"cpus": 1}}
    one, two = planned(SPACE).ingest, planned(SPACE, eight).ingest
    rows = sum(window.num_rows for window in one.windows[:2])
    assert one.memory_bytes - two.memory_bytes == rows * len(one.columns) * 4


def test_what_is_trained_last_has_the_features_of_the_winner():
    plan = planned(SPACE)
    values = Settings({"features.columns.precip.transform": "none", f"{DEST}.min_count": 9})
    swept = sample_sweep()
    last = settled(plan, replace(swept, best=replace(swept.best, values=values)))
    assert last.ingest == replace(plan.ingest, features=drawn_steps(plan.ingest, values), keeps_rows=False)
    assert trial_stage(plan.sweep, values) == trial_stage(plan.sweep, {})
    assert settled(planned({"training.lr": "uniform(0.1, 1)"}), swept).ingest.keeps_rows is False
