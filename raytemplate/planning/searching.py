"""What compile decides about a sweep: how many trials at once, and how many the budget allows."""

import math
import statistics
from dataclasses import replace
from itertools import islice

from raytemplate import plugins
from raytemplate.errors import PlanError
from raytemplate.models.options import Family
from raytemplate.planning.forecast import bins_s, priced, row_s
from raytemplate.planning.inventory import Inventory
from raytemplate.planning.limits import refuse_too_dear
from raytemplate.planning.packing import fitting_workers
from raytemplate.planning.size import Size, size_of
from raytemplate.planning.stages import FitStage, Forecast, IngestStage, Limits, StageEstimate, SweepStage
from raytemplate.spec.schema import TemplateSpec, worker_bounds
from raytemplate.tuning.draws import parse_draw
from raytemplate.tuning.front import SECONDS, Objective, Pick
from raytemplate.tuning.space import can_draw, every_point, knobs
from raytemplate.units import show_seconds

_TRIAL_START_S = 0.1
"""Seconds a trial of one process takes to start."""
_GROUP_START_S = 5.0
"""Seconds a worker group is expected to take to start."""
_MOST_WINNERS = 3
"""Most winners of earlier sweeps that are tried first."""


def sweep_stage(
    spec: TemplateSpec, inventory: Inventory, ingest: IngestStage, arms: tuple[FitStage, ...]
) -> SweepStage | None:
    """The sweep that a template asks for; None if it searches nothing.

    Raises:
        PlanError: the sweep cannot run as asked.
    """
    if not arms:
        return None
    if spec.data.ingest == "stream":
        raise PlanError(
            "data.ingest is stream; a sweep keeps the encoded data in memory", next_step="set data.ingest: auto"
        )
    if ingest.mode == "stream":
        raise PlanError(
            "a sweep keeps the encoded data in memory, and it does not fit",
            next_step="shorten data.windows.train, or set data.rows or fewer tuning.slots",
        )
    if spec.training.warm_start != "none":
        raise PlanError(
            "training.warm_start is champion; the trials of a sweep begin without weights",
            next_step="set training.warm_start: none",
        )
    slots = trials_at_once(spec, inventory)
    space = knobs(spec.tuning.space)
    return SweepStage(
        search=spec.tuning.search,
        scheduler=spec.tuning.scheduler,
        space=space,
        arms=arms,
        rows_per_s=tuple(1 / row_s(_family(arm), _size(arm, ingest, inventory)) for arm in arms),
        num_trials=spec.budget.trials or 0,
        per_trial_s=spec.budget.per_trial or 0.0,
        slots=slots,
        refit=spec.tuning.refit,
        max_failed=spec.tuning.max_failed,
        seed=spec.training.seed,
        objectives=_objectives(spec),
        pick=_pick(spec),
        tensorboard=spec.tracking.tensorboard,
        begin_with=tuple(values for values in inventory.winners if can_draw(space, values))[:_MOST_WINNERS],
    )


def _size(arm: FitStage, ingest: IngestStage, inventory: Inventory) -> Size:
    return size_of(ingest, arm, _family(arm), inventory.num_classes)


def trials_at_once(spec: TemplateSpec, inventory: Inventory) -> int:
    """How many trials run at once, each with the workers asked for, or the lower end of a range."""
    asked = spec.resources.workers
    least, _ = worker_bounds(asked) or (asked if isinstance(asked, int) else 1, 0)
    # A group may spread over nodes, so groups fit as long as their workers do.
    most = fitting_workers(inventory.cluster, spec.resources.per_worker, ingest_cpus=0.0) // max(1, least)
    if inventory.cluster.grows:  # slots without room yet make the cluster start more nodes
        most = max(most, spec.tuning.slots or 0)
    return min(spec.tuning.slots or most, most, spec.budget.trials or most)


def _objectives(spec: TemplateSpec) -> tuple[Objective, ...]:
    """The objectives of the template; empty if there is only one."""
    names = spec.tuning.objectives if len(spec.tuning.objectives) > 1 else ()
    higher = {name: plugins.load(plugins.METRICS, name).higher_is_better for name in names if name != SECONDS}
    return tuple(Objective(name=name, higher_is_better=higher.get(name, False)) for name in names)


def _pick(spec: TemplateSpec) -> Pick | None:
    pick = spec.tuning.pick
    return Pick(best=pick.best, within=pick.within) if pick else None


def with_sweep(
    sweep: SweepStage, forecast: Forecast, limits: Limits, ingest: IngestStage, inventory: Inventory
) -> tuple[SweepStage, Forecast]:
    """The sweep with its expected number of trials, and the forecast with its seconds.

    Raises:
        PlanError: the budget is too small for one trial and the stages after it.
    """
    rows = ingest.window("train").num_rows
    fit_s = max(forecast.stage_s("fit"), 0.1)
    start_s = _GROUP_START_S if sweep.workers > 1 else _TRIAL_START_S
    least_s, one_s = (
        min(start_s + statistics.mean(seconds), sweep.per_trial_s or math.inf)
        for seconds in zip(
            *(
                [bins_s(_size(arm, ingest, inventory)) + rows * epochs / rate for epochs in _epochs(arm, sweep)]
                for arm, rate in zip(sweep.arms, sweep.rows_per_s, strict=True)
            ),
            strict=True,
        )
    )
    last_s = fit_s if sweep.refit else 0.0
    fixed_s = forecast.seconds - forecast.stage_s("fit")
    left_s = limits.time_s - fixed_s - last_s
    # Half of the expected time: estimates may be twice too high.
    if left_s < -0.5 * (fixed_s + last_s) or limits.time_s < 0.5 * (fixed_s + last_s + least_s):
        need = fixed_s + last_s + least_s
        raise PlanError(
            f"budget.time is {show_seconds(limits.time_s)}; start, ingest, one trial, the last training and evaluation "
            f"need about {show_seconds(need)}",
            next_step=f"set budget.time: {int(need) + 1}s or more",
        )
    fixed_usd = forecast.cost_usd - (forecast.stage_s("fit") - last_s) * limits.rate("fit")
    need_usd = fixed_usd + least_s * limits.rate("sweep")
    refuse_too_dear(limits, need_usd, "start, ingest, one trial, the last training and evaluation")
    if limits.rate("sweep") > 0:
        left_s = min(left_s, (limits.cost_usd - fixed_usd) / limits.rate("sweep"))
    one_s = min(one_s, max(left_s, least_s))  # a trial with more epochs than the budget allows is cut to what fits
    fitting = max(1, int(max(left_s, one_s) * sweep.slots / one_s))
    expected = min(fitting, sweep.num_trials or fitting)
    if plugins.load(plugins.SEARCHES, sweep.search).finite_only:
        expected = len(list(islice(every_point(sweep.space), expected)))
    sweep_s = expected * one_s / min(sweep.slots, expected)
    stages = tuple(replace(one, seconds=last_s) if one.stage == "fit" else one for one in forecast.stages)
    where = next(n for n, one in enumerate(stages) if one.stage == "fit")
    estimate = StageEstimate(stage="sweep", seconds=sweep_s, work=float(expected))
    more_s = sweep_s + last_s - forecast.stage_s("fit")
    longer = replace(
        forecast,
        stages=(*stages[:where], estimate, *stages[where:]),
        low_s=forecast.low_s + 0.6 * more_s,
        high_s=min(forecast.high_s + 1.8 * more_s, max(limits.time_s, forecast.high_s)),
    )
    return replace(sweep, expected_trials=expected), priced(longer, limits)


def _epochs(arm: FitStage, sweep: SweepStage) -> tuple[float, float]:
    """The fewest epochs that a trial may draw, and the number expected: the mean of the draw, if epochs are drawn."""
    drawn = next((parse_draw(knob.draw) for knob in sweep.space if knob.name == _family(arm).epochs_field), None)
    values = (drawn.values or (drawn.low, drawn.high)) if drawn else (arm.num_epochs,)
    numbers = [float(value) for value in values]
    return min(numbers), statistics.mean(numbers)


def _family(arm: FitStage) -> Family:
    return plugins.load(plugins.FAMILIES, arm.family)
