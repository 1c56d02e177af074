"""After a sweep the winner is trained again or, if the time is too short, the model from its trial is used."""

from dataclasses import replace

import pytest
from fake_runs import FakeRun

from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.planning.stages import Forecast, StageEstimate, SweepStage
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import FitResult, Usage
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.sample_plans import sample_fit_stage
from raytemplate.tuning.space import Knob

BEST = TrialRecord(
    number=4,
    values=Settings({"model.hidden": 32}),
    family="tabular-mlp",
    state="finished",
    epochs=6,
    num_epochs=6,
    best_epoch=3,
    validation=5.5,
    planned_s=1.0,
    actual_s=1.0,
)
SWEEP = SweepStage(
    search="random",
    scheduler="none",
    space=(Knob(name="model.hidden", draw="choice(8, 32)"),),
    arms=(sample_fit_stage(),),
    rows_per_s=(1000.0,),
    num_trials=4,
    per_trial_s=0.0,
    slots=1,
    refit=True,
    max_failed=0.5,
    seed=7,
)


def swept_run(folder, best=BEST):
    stages = ("ingest", "sweep", "fit", "evaluate", "govern", "promote")
    estimates = tuple(StageEstimate(stage=stage, seconds=1.0, work=1.0) for stage in stages)
    forecast = Forecast(stages=estimates, start_s=1.0, low_s=1.0, high_s=9.0, cost_usd=0.0, runs_seen=0)
    run = FakeRun(folder, changes={"sweep": SWEEP, "forecast": forecast})
    run.journal.write(
        SweepResult(
            best=best,
            trials=(best,),
            metric="mae",
            ended="trials",
            sampler="RandomSampler",
            slots=1,
            usage=Usage(wall_clock_s=1.0, cpu_s=1.0),
        )
    )
    trial = Checkpoints(run.journal.trial(4).checkpoints)
    for epoch in range(1, 7):
        trial.save(epoch, 5.5 + abs(epoch - 3), lambda place: FakeEngine(weights="trial")._write(run.plan.fit, place))
    return run


def test_the_last_model_of_the_whole_training_is_taken_with_the_validation_of_its_trial(tmp_path):
    run = swept_run(tmp_path)
    run.execute(FakeEngine(epochs=3, weights="again"))
    fit = run.journal.need(FitResult)
    assert (fit.stopped, fit.candidate.epoch, fit.candidate.validation) == ("epochs", 3, 5.5)
    assert fit.candidate.settings["hidden"] == 32
    assert (run.store.path(fit.candidate.digest) / "weights.safetensors").read_text() == '"again"'


def test_a_last_training_that_was_cut_leaves_the_model_of_the_trial_and_says_so(tmp_path):
    run = swept_run(tmp_path)
    run.execute(FakeEngine(epochs=2, weights="again"))
    fit = run.journal.need(FitResult)
    assert (fit.stopped, fit.engine, fit.candidate.epoch, fit.candidate.validation) == (
        "budget.time",
        "trial 4",
        3,
        5.5,
    )
    assert (run.store.path(fit.candidate.digest) / "weights.safetensors").read_text() == '"trial"'
    assert fit.usage.wall_clock_s == 0.1
    assert any("the model from its trial is used" in said for said in run.heard.said)


FEATURES = Settings({"model.hidden": 32, "features.columns.carrier.encoding": "one-hot"})


def kinds_of(run):
    fit = run.journal.need(FitResult)
    held = codec.loads(FittedFeatures, (run.store.path(fit.candidate.digest) / "features.json").read_bytes())
    assert run.journal.need(FittedFeatures) == held
    return [name for name in held.dense if name.startswith("carrier")], list(held.codes)


@pytest.mark.parametrize("epochs", [3, 2], ids=["trained again", "cut short"])
def test_model_and_records_have_the_features_of_the_winner(tmp_path, epochs):
    run, engine = swept_run(tmp_path, replace(BEST, values=FEATURES)), FakeEngine(epochs=epochs)
    run.execute(engine)
    assert engine.calls == ["ready", "ingest", "ready", "ingest again", "fit", "score", "release"]
    dense, codes = kinds_of(run)
    assert len(dense) == 4 and "carrier" not in codes


@pytest.mark.parametrize("stage", ["fit", "score"])
def test_a_run_that_was_stopped_after_its_sweep_goes_on_with_the_features_of_the_winner(tmp_path, stage):
    run, second = swept_run(tmp_path, replace(BEST, values=FEATURES)), FakeEngine()
    with pytest.raises(KeyboardInterrupt):
        run.execute(FakeEngine(crash={stage: KeyboardInterrupt()}))
    run.execute(second)
    assert second.calls == ["ready", "ingest again", *(["fit"] if stage == "fit" else []), "score", "release"]
    assert len(kinds_of(run)[0]) == 4


def test_features_that_the_sweep_left_as_they_were_are_not_fitted_again(tmp_path):
    run, engine = swept_run(tmp_path, replace(BEST, values=Settings({"model.hidden": 32}))), FakeEngine()
    run.execute(engine)
    assert engine.calls == ["ready", "ingest", "fit", "score", "release"]
