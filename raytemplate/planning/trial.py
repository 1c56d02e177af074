"""What one trial trains, its family's stage with the values it drew; and what is trained last."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from raytemplate import plugins
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.planning.features import drawn_steps
from raytemplate.planning.stages import FitStage, RunPlan, SweepStage
from raytemplate.records.codec import Settings
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.tuning.draws import parse_draw
from raytemplate.tuning.incumbent import Incumbent
from raytemplate.tuning.schedulers import rungs
from raytemplate.tuning.space import KIND


def incumbent_of(sweep: SweepStage) -> Incumbent:
    """What keeps the best trial of a sweep, by its rule."""
    higher_is_better = sweep.arms[0].higher_is_better
    return Incumbent(higher_is_better=higher_is_better, objectives=sweep.objectives, pick=sweep.pick)


def trial_stage(sweep: SweepStage, values: Mapping[str, Any], *, num_epochs: int | None = None) -> FitStage:
    """The stage of the family that was drawn, or of the only one, with the drawn values of `model` and `training` set;
    `drawn_steps` applies those of features.

    Args:
        num_epochs: replaces the number of epochs in the template or the draw.
    """
    kind = values.get(KIND, sweep.arms[0].family)
    arm = next(arm for arm in sweep.arms if arm.family == kind)
    counted = epochs_field(arm)
    put = {**values, **({} if num_epochs is None else {counted: num_epochs})}
    spaces = {"model": dict(arm.model), "training": dict(arm.training)}
    for field, value in put.items():
        namespace, _, name = field.partition(".")
        if namespace in spaces:
            spaces[namespace][name] = value
    namespace, _, name = counted.partition(".")
    return replace(
        arm,
        model=Settings(spaces["model"]),
        training=Settings(spaces["training"]),
        num_epochs=int(spaces[namespace][name]),
    )


def epochs_field(stage: FitStage) -> str:
    """The template field that holds the number of epochs (or rounds), such as `model.num_trees`."""
    return _family(stage).epochs_field


def last_stage(sweep: SweepStage, best: TrialRecord) -> FitStage:
    """The stage that trains the winner again, for its best number of epochs, on train and validation together."""
    stage = trial_stage(sweep, best.values, num_epochs=best.best_epoch)
    return replace(
        stage,
        training=Settings({**stage.training, "early_stopping": None}),
        with_validation=True,
        why=f"the values of trial {best.number}",
    )


def told_every(stage: FitStage, num_epochs: int) -> int:
    """Epochs between two reports of a trial: networks report every epoch, trees and linear models only some.

    Unless the template sets the interval it is a power of two, so that trials of different lengths report after the
    same epochs and can be compared there.

    Args:
        num_epochs: epochs of the trial.
    """
    family = _family(stage)
    if family.step == "epoch":
        return 1
    training = TrainingSpec.model_validate(dict(stage.training))
    every = family.checkpoint_interval(training, num_epochs)
    return every if training.checkpoint_every else 2 ** round(math.log2(every))


def with_interval(stage: FitStage) -> FitStage:
    """The stage of a trial, set to report after every `told_every` epochs."""
    if _family(stage).step == "epoch":
        return stage
    every = told_every(stage, stage.num_epochs)
    return replace(stage, training=Settings({**stage.training, "checkpoint_every": every}))


def rungs_of(sweep: SweepStage) -> dict[str, dict[int, int]]:
    """Family -> the epochs after which its trials are compared, see `tuning.schedulers.rungs`."""
    most = {arm.family: most_epochs(sweep, arm) for arm in sweep.arms}
    return {
        arm.family: rungs(sweep.scheduler, most[arm.family], told_every(arm, most[arm.family])) for arm in sweep.arms
    }


def most_epochs(sweep: SweepStage, arm: FitStage) -> int:
    """The most epochs that a trial of the arm's family may have: the top of the range, or the template's number."""
    for knob in sweep.space:
        if knob.name == epochs_field(arm) and knob.when.get(KIND, arm.family) == arm.family:
            top = int(parse_draw(knob.draw).highest)
            return max(top, arm.num_epochs) if knob.when.keys() - {KIND} else top
    return arm.num_epochs


def settled(plan: RunPlan, swept: SweepResult | None) -> RunPlan:
    """The plan whose fit stage and features are those of the last training, not those the sweep started from."""
    if plan.sweep is None or swept is None:
        return plan
    best = swept.best
    fit = (
        last_stage(plan.sweep, best)
        if plan.sweep.refit
        else trial_stage(plan.sweep, best.values, num_epochs=best.num_epochs)
    )
    ingest = replace(plan.ingest, features=drawn_steps(plan.ingest, best.values), keeps_rows=False)
    return replace(plan, ingest=ingest, fit=fit)


def _family(stage: FitStage) -> Family:
    return plugins.load(plugins.FAMILIES, stage.family)
