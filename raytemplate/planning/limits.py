"""The budget of a template as ceilings, together with the time and cost the run is expected to need."""

import math

from raytemplate.errors import PlanError
from raytemplate.models.options import Family
from raytemplate.planning.forecast import forecast, priced
from raytemplate.planning.inventory import Inventory
from raytemplate.planning.prices import Held, rates_of
from raytemplate.planning.size import size_of
from raytemplate.planning.stages import FitStage, Forecast, IngestStage, Limits, SweepStage
from raytemplate.spec.schema import TemplateSpec
from raytemplate.units import show_seconds, show_usd_limit


def limits_of(
    spec: TemplateSpec,
    inventory: Inventory,
    ingest: IngestStage,
    fit: FitStage,
    family: Family,
    sweep: SweepStage | None,
) -> tuple[Limits, Forecast]:
    """The ceilings of a run, and its forecast.

    Raises:
        PlanError: the budget is too small for one epoch and its evaluation, or limits a cost that is unknown.
    """
    prediction = forecast(
        family=family,
        size=size_of(ingest, fit, family, inventory.num_classes),
        num_epochs=fit.num_epochs,
        workers=fit.workers,
        stream=ingest.mode == "stream",
        history=inventory.history,
    )
    after = prediction.stage_s("evaluate") + prediction.stage_s("govern") + prediction.stage_s("promote")
    one_epoch = prediction.stage_s("fit") / max(1, fit.num_epochs)
    # Half of the expected time: estimates may be twice too high, and a feasible run must not be refused.
    least = 0.5 * (prediction.start_s + prediction.stage_s("ingest") + one_epoch + after)
    if spec.budget.time < least:
        raise PlanError(
            f"budget.time is {show_seconds(spec.budget.time)}; start, ingest, one epoch and evaluation need about "
            f"{show_seconds(2 * least)}",
            next_step=f"set budget.time: {int(2 * least) + 1}s or more",
        )
    rates = rates_of(spec, inventory.cluster, _held(ingest, fit, sweep))
    limits = Limits(
        time_s=spec.budget.time,
        cost_usd=spec.budget.cost if rates.prices else math.inf,
        reserve_s=min(after, spec.budget.time / 2),
        usd_per_s=rates.always,
        held=rates.stages,
        basis=rates.basis,
        prices=rates.prices,
    )
    prediction = priced(prediction, limits)
    dear = prediction.cost_usd - (prediction.stage_s("fit") - one_epoch) * limits.rate("fit")
    refuse_too_dear(limits, dear, "start, ingest, one epoch and evaluation")
    return limits, prediction


def _held(ingest: IngestStage, fit: FitStage, sweep: SweepStage | None) -> Held:
    return Held(
        workers=fit.workers,
        cpus=fit.cpus_per_worker,
        gpus=fit.gpus_per_worker,
        accelerator=fit.accelerator,
        trials=sweep.slots * sweep.workers if sweep else 0,
        reads=sum(len(file.slices) for file in ingest.files),
        stream=ingest.mode == "stream",
    )


def refuse_too_dear(limits: Limits, need_usd: float, what: str) -> None:
    """Refuse a cost limit below half of what is expected; estimates may be twice too high.

    Args:
        need_usd: the expected cost in US dollars.
        what: what costs that much, in words.

    Raises:
        PlanError: `limits.cost_usd` is below half of `need_usd`.
    """
    if limits.cost_usd < 0.5 * need_usd:
        raise PlanError(
            f"budget.cost is {show_usd_limit(limits.cost_usd)} USD; {what} cost about {show_usd_limit(need_usd)} USD: "
            f"{limits.basis}",
            next_step=f"set budget.cost: {show_usd_limit(math.ceil(need_usd * 1000) / 1000)} USD or more",
        )
