"""What one trial trains: the stage of its family with the values that it drew, and what is trained last."""

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
    """The stage of the family that was drawn, or of the only one, with every value of `model` and `training` in its
    place; those of features are in `drawn_steps`.

    Args:
        num_epochs: instead of those of the template or the draw.
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
    """Where a template says how many epochs (or rounds) there are, such as `model.num_trees`."""
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
    """Epochs between two that a trial of so many tells of: networks tell of each, trees and linear models of some.

    Where no template says how many, they are a power of two: a trial of fewer epochs then tells of all that one of more
    tells of, and both can be compared after the same ones.
    """
    family = _family(stage)
    if family.step == "epoch":
        return 1
    training = TrainingSpec.model_validate(dict(stage.training))
    every = family.checkpoint_interval(training, num_epochs)
    return every if training.checkpoint_every else 2 ** round(math.log2(every))


def with_interval(stage: FitStage) -> FitStage:
    """The stage of a trial, so that it tells of the epochs that `told_every` says."""
    if _family(stage).step == "epoch":
        return stage
    every = told_every(stage, stage.num_epochs)
    return replace(stage, training=Settings({**stage.training, "checkpoint_every": every}))


def rungs_of(sweep: SweepStage) -> dict[str, dict[int, int]]:
    """Family -> where its trials are compared, see `tuning.schedulers.rungs`."""
    most = {arm.family: most_epochs(sweep, arm) for arm in sweep.arms}
    return {
        arm.family: rungs(sweep.scheduler, most[arm.family], told_every(arm, most[arm.family])) for arm in sweep.arms
    }


def most_epochs(sweep: SweepStage, arm: FitStage) -> int:
    """The most epochs that a trial of the arm's family may have: the top of their range, or what the template sets."""
    for knob in sweep.space:
        if knob.name == epochs_field(arm) and knob.when.get(KIND, arm.family) == arm.family:
            top = int(parse_draw(knob.draw).highest)
            return max(top, arm.num_epochs) if knob.when.keys() - {KIND} else top
    return arm.num_epochs


def settled(plan: RunPlan, swept: SweepResult | None) -> RunPlan:
    """The plan with what is trained last, and its features, in the place of what the sweep began from."""
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
