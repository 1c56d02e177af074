"""Sweeps on real flights: one candidate, within the budget, resumed after a kill, reported trial by trial."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import time
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import descendants, here, left_of, only_run, raytemplate, record, start, wait_for
from small_flights import AS_OF, SHIPPED, as_sets, changed, write_demo

import raytemplate as rt
from raytemplate import api
from raytemplate.execution.journal import Journal

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]

SPACE = {
    "tuning.space.training.lr": "loguniform(1e-3, 1e-1)",
    "tuning.space.model.hidden": "choice(8, 32)",
    "tuning.search": "random",
    "tuning.slots": 1,
    "budget.trials": 4,
    "tuning.warm_start": False,
}
WARM = {"tuning.warm_start": True}
FEATURES = {
    "tuning.space": {
        "features.columns.precip.transform": "choice(log, none)",
        "features.columns.dest.kind": "choice(target-mean, hashing)",
        "features.columns.dest.smoothing": {
            "draw": "loguniform(1, 100)", "when": {"features.columns.dest.kind": "target-mean"},
        },
    },
    "tuning.scheduler": "none",
}  # fmt: skip


def swept(demo, changes=None, **more):
    spec = api.load(demo / SHIPPED.name, set=changed({**SPACE, **(changes or {})}))
    return api.run(api.plan(spec, AS_OF, **more))


@pytest.fixture(scope="module")
def first(one_ray, tmp_path_factory, flights):
    """A sweep that several tests look at: its folder, the run and what it said. None of them changes its workspace."""
    folder = write_demo(tmp_path_factory.mktemp("swept") / "demo", flights)
    with redirect_stderr(io.StringIO()) as told:
        run = swept(folder, {"tuning.scheduler": "none"})
    return SimpleNamespace(folder=folder, run=run, told=told.getvalue())


def trials(run):
    return [(dict(one.values), one.state, one.validation) for one in run.trials]


def test_the_winner_is_trained_again_on_train_and_validation_and_judged(first):
    run = first.run
    assert run.sweep is not None and run.fit is not None
    assert (len(run.trials), run.sweep.ended, run.sweep.sampler) == (4, "trials", "RandomSampler")
    assert run.sweep.best.validation == min(one.validation for one in run.trials)
    candidate = run.fit.candidate
    assert (candidate.validation, candidate.epoch) == (run.sweep.best.validation, run.sweep.best.best_epoch)
    assert candidate.settings["hidden"] == run.sweep.best.values["model.hidden"]
    rows = {window.name: window.num_rows for window in run.snapshot.windows}
    assert {epoch.num_rows for epoch in run.fit.epochs} == {rows["train"] + rows["validation"]}
    assert run.end.state == "approved"
    assert "✓ sweep      4 trials, best mae" in first.told and "✓ fit" in first.told
    shown = str(api.trials(run.id, workspace=str(first.folder)))
    assert shown.count("finished") == 4 and shown.splitlines()[1].lstrip().startswith("*")


@pytest.mark.slow
def test_what_won_is_tried_first_the_next_time(first, tmp_path):
    demo, won = shutil.copytree(first.folder, tmp_path / "demo"), first.run.sweep.best.values
    spec = api.load(demo / SHIPPED.name, set=changed(SPACE | WARM | {"budget.trials": 2}))
    again = api.plan(spec, AS_OF)
    assert again.plan.sweep.begin_with == (won,)
    assert "1 winner of earlier runs first" in str(again)
    run = api.run(again)
    assert next(one for one in run.trials if one.number == 1).values == won
    other = api.load(
        demo / SHIPPED.name, set=changed({**SPACE, **WARM, "tuning.space": {"training.lr": "uniform(3, 4)"}})
    )
    assert api.plan(other, AS_OF).plan.sweep.begin_with == ()


@pytest.mark.slow
def test_the_same_seed_and_one_slot_give_the_same_trials_and_model_whatever_the_test_rows_are(one_ray, demo):
    first = swept(demo, FEATURES)
    for path in sorted((demo / "data" / "flights").glob("*.parquet")):
        table = pq.read_table(path)
        late = pa.array([time.isoformat() >= "2013-02-01" for time in table["time_hour"].to_pylist()])
        spoilt = pa.compute.if_else(late, 1.0, table["air_time"])
        place = table.schema.get_field_index("air_time")
        pq.write_table(table.set_column(place, "air_time", spoilt.cast(table.schema.field(place).type)), path)
    second = swept(demo, FEATURES)
    assert trials(first) == trials(second)
    assert first.fit.candidate.weights_sha256 == second.fit.candidate.weights_sha256
    assert first.evaluation.metrics["mae"].value != second.evaluation.metrics["mae"].value


@pytest.mark.slow
def test_a_trials_own_model_is_the_candidate_where_no_refit_is_wanted(one_ray, demo):
    run = swept(demo, {"tuning.refit": False})
    best = run.sweep.best
    assert [path.name for path in run.journal.trial_folders.iterdir()] == [f"{best.number:05d}"]
    assert (run.fit.engine, run.fit.candidate.epoch) == (f"trial {best.number}", best.best_epoch)
    assert run.fit.candidate.validation == best.validation
    assert run.end.state == "approved"


def kind_of_dest(path):
    features = {one["column"]: one for one in json.loads((path / "features.json").read_text())["features"]}
    return features["dest"]["kind"], features["precip"]["state"].get("transform", "none")


@pytest.mark.slow
@pytest.mark.parametrize("refit", [pytest.param(True, marks=pytest.mark.nightly), False])
def test_features_are_searched_and_the_model_predicts_with_those_that_won(one_ray, demo, refit):
    run = swept(demo, {**FEATURES, "tuning.refit": refit, "tuning.slots": 2, "resources.workers": 1})
    assert [one.problem for one in run.trials] == [""] * 4
    values = run.sweep.best.values
    won = values["features.columns.dest.kind"], values["features.columns.precip.transform"]
    assert won == kind_of_dest(run.journal.folder) == kind_of_dest(run.journal.model)
    assert "flight" in run.snapshot.columns  # read because folds of target means would be made by it
    assert run.end.state == "approved"
    rows = pq.read_table(demo / "data" / "flights" / "2013-02.parquet").slice(0, 50)
    assert (
        sum(api.model(f"{run.plan.name}@champion", workspace=str(demo)).predict(rows)["prediction"].to_pylist()) / 50
        > 20
    )
    assert won[0] in str(api.trials(run.id, workspace=str(demo)))
    (demo / "winner.yaml").write_text(api.winning_template(run.id, workspace=str(demo)))
    columns = api.load(demo / "winner.yaml").features.columns
    assert (columns["dest"]["kind"], columns["precip"]["transform"]) == won
    again = api.plan(api.load(demo / SHIPPED.name, set=changed({**SPACE, **FEATURES, **WARM})), AS_OF)
    assert again.plan.sweep.begin_with == (values,)


@pytest.mark.slow
def test_families_are_searched_together_and_one_that_diverges_is_never_the_winner(one_ray, demo):
    space = {
        "tuning.space.model.kind": "choice(lightgbm, tabular-mlp)",
        "tuning.space.training.lr": {"draw": "choice(0.001, 1e30)", "when": {"model.kind": "tabular-mlp"}},
        "tuning.space.model.num_trees": {"draw": "int(5, 20)", "when": {"model.kind": "lightgbm"}},
        "budget.trials": 8, "tuning.max_failed": "90 %", "tuning.slots": 2,
    }  # fmt: skip
    spec = api.load(
        demo / SHIPPED.name, set={k: v for k, v in changed({**SPACE, **space}).items() if "hidden" not in k}
    )
    run = api.run(api.plan(spec, AS_OF))
    states = {one.family: set() for one in run.trials}
    for one in run.trials:
        states[one.family].add(one.state)
        assert one.state == "diverged" or one.values.get("training.lr") != 1e30
    assert set(states) == {"lightgbm", "tabular-mlp"} and "diverged" in states["tabular-mlp"]
    assert run.sweep.best.state != "diverged"
    template = api.winning_template(run.id, workspace=str(demo))
    (demo / "winner.yaml").write_text(template)
    assert api.load(demo / "winner.yaml").family == run.sweep.best.family


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.nightly
def test_the_time_ends_it_with_a_verdict(demo):
    budget = 24
    sets = as_sets(
        {**SPACE, "budget.time": f"{budget}s", "budget.trials": 10_000, "training.epochs": 4, "tuning.slots": 2}
    )
    began = time.monotonic()
    ran = raytemplate("run", SHIPPED.name, "--as-of", AS_OF, *sets, cwd=demo)
    took = time.monotonic() - began
    assert ran.returncode == 0, ran.stderr
    run = only_run(demo)
    assert record(run, "sweep")["ended"] == "budget.time"
    assert 0.6 * budget < took < budget + 2.0
    assert record(run, "end")["wall_clock_s"] < budget + 1.0


@pytest.mark.slow
def test_a_killed_sweep_goes_on_with_what_is_left_and_runs_no_trial_twice(one_ray, demo):
    sets = as_sets({**SPACE, "budget.trials": 8, "training.epochs": 20, "tuning.scheduler": "none"})
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *sets, cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and len(Journal(run).trials()) >= 3, process=process)
    below = descendants(process.pid)
    process.kill()
    process.communicate()
    before = Journal(only_run(demo)).trials()
    resumed = here("resume", "last", cwd=demo)
    assert resumed.returncode == 0, resumed.stderr
    after = Journal(only_run(demo)).trials()
    assert after[: len(before)] == before
    assert [one.number for one in after] == list(range(1, 9))
    assert len({json.dumps(dict(one.values)) for one in after}) == 8
    best = record(only_run(demo), "sweep")["best"]["number"]
    assert [path.name for path in (only_run(demo) / "trials").iterdir()] == [f"{best:05d}"]
    assert left_of(below) == []


@pytest.mark.alone
@pytest.mark.slow
def test_a_killed_sweep_has_no_second_budget(demo):
    budget, killed_at = 40, 20  # by then Ray has started and trials have ended, even on a slow machine
    sets = as_sets(
        {**SPACE, "budget.time": f"{budget}s", "budget.trials": 10_000, "training.epochs": 4, "tuning.slots": 2}
    )
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *sets, cwd=demo)
    wait_for(lambda: only_run(demo), process=process)  # the first command of a test process may start slowly
    began = time.monotonic()
    time.sleep(killed_at)
    process.kill()
    process.communicate()
    resumed = raytemplate("resume", "last", cwd=demo)
    took = time.monotonic() - began
    assert resumed.returncode == 0, resumed.stderr
    assert took < budget + 2.0
    assert record(only_run(demo), "sweep")["ended"] == "budget.time"
    assert budget - 8 < record(only_run(demo), "end")["wall_clock_s"] < budget + 1.0


@pytest.mark.slow
@pytest.mark.nightly
def test_a_trial_that_was_killed_goes_on_from_its_last_checkpoint(demo):
    sets = as_sets({**SPACE, "budget.trials": 1, "training.epochs": 60, "tuning.scheduler": "none"})
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *sets, cwd=demo)

    def epochs():
        run = only_run(demo)
        return Journal(run).trial(1).epochs() if run else ()

    wait_for(lambda: len(epochs()) >= 5, process=process)
    process.kill()
    process.communicate()
    done = epochs()[-1].epoch
    assert done < 60, "it was killed too late"
    resumed = raytemplate("resume", "last", cwd=demo)
    assert resumed.returncode == 0, resumed.stderr
    (trial,) = Journal(only_run(demo)).trials()
    assert (trial.number, trial.state, trial.epochs) == (1, "finished", 60)
    lines = (Journal(only_run(demo)).trial(1).folder / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 61))


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_has_failed_and_the_sweep_goes_on(demo):
    sets = as_sets({**SPACE, "budget.trials": 4, "training.epochs": 40, "tuning.scheduler": "none"})
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *sets, cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and Journal(run).trial(2).epochs(), process=process)
    names = {one: Path(f"/proc/{one}/cmdline").read_bytes() for one in descendants(process.pid)}
    (trial,) = [one for one, name in names.items() if b"TrialActor" in name or b"TrialTrainable" in name]
    os.kill(trial, signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found = {one.number: (one.state, one.problem) for one in Journal(only_run(demo)).trials()}
    assert [found[n][0] for n in sorted(found)] == ["finished", "failed", "finished", "finished"]
    assert found[2][1].startswith("its process died")


@pytest.mark.slow
def test_trials_of_two_workers_leave_nothing_behind(one_ray, demo):
    from ray._private.state import actors
    from ray.util import placement_group_table

    def left_over():
        # Names that begin with "_" are Ray Data's, and live as long as Ray.
        found = [one for one in actors().values() if one["State"] != "DEAD"]
        return [one["ActorClassName"] for one in found if one["ActorClassName"][0] != "_"]

    changes = {"resources.workers": 2, "training.epochs": 3, "budget.trials": 2, "tuning.scheduler": "median"}
    run = swept(demo, {**changes, "tuning.space.features.columns.precip.transform": "choice(log, none)"})
    assert [(one.number, one.problem) for one in run.trials] == [(1, ""), (2, "")]
    assert run.fit.engine == "Ray Train, 2 workers" and len({rank.weights_sha256 for rank in run.fit.ranks}) == 1
    assert [g for g in placement_group_table().values() if g["state"] != "REMOVED"] == []
    end = time.monotonic() + 20.0
    while left_over() and time.monotonic() < end:
        time.sleep(0.2)
    assert left_over() == []


@pytest.mark.nightly
def test_trees_are_searched_with_two_workers(one_ray, demo):
    space = {
        "tuning.space": {"training.lr": "uniform(0.05, 0.3)"}, "model.kind": "lightgbm", "model.num_trees": 10,
        "resources.workers": 2, "budget.trials": 2, "tuning.search": "random", "tuning.slots": 1,
        "tuning.scheduler": "none",
    }  # fmt: skip
    run = api.run(api.plan(api.load(demo / SHIPPED.name, set=changed(space)), AS_OF))
    assert [(one.state, one.problem) for one in run.trials] == [("finished", "")] * 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)])
def test_a_stopped_sweep_keeps_its_trials_and_promotes_nothing(demo, number):
    sets = as_sets({**SPACE, "budget.trials": 50, "training.epochs": 20})
    process = start("run", SHIPPED.name, "--as-of", AS_OF, *sets, cwd=demo)
    wait_for(lambda: (run := only_run(demo)) and len(Journal(run).trials()) >= 2, process=process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err and err.rstrip().endswith(f"raytemplate resume {only_run(demo).name}")
    assert not (only_run(demo) / "sweep.json").exists() and not (only_run(demo) / "promotion.json").exists()


def test_trials_and_the_winners_template_on_the_command_line(first):
    run, demo = first.run, first.folder
    frame = rt.trials(run.id, workspace=str(demo)).to_pandas().set_index("trial")
    assert list(frame.index) == [1, 2, 3, 4]
    assert frame.loc[run.sweep.best.number, ["mae", "training.lr", "state"]].to_list() == [
        run.sweep.best.validation,
        run.sweep.best.values["training.lr"],
        run.sweep.best.state,
    ]
    shown = here("show", run.id, "--trials", cwd=demo)
    assert shown.returncode == 0 and "training.lr" in shown.stdout.splitlines()[0]
    config = here("show", run.id, "--config", cwd=demo)
    (demo / "winner.yaml").write_text(config.stdout)
    assert here("check", "winner.yaml", cwd=demo).returncode == 0
