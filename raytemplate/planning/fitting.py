"""The fit stage of a plan: the family's settings, how many workers of what size, and the model to start from."""

from raytemplate import plugins
from raytemplate.errors import PlanError
from raytemplate.models.options import Family
from raytemplate.planning.inventory import Inventory
from raytemplate.planning.packing import INGEST_CPUS, check_fits, fitting_workers
from raytemplate.planning.stages import FitStage, IngestStage
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import WarmStart
from raytemplate.spec.schema import PerWorkerSpec, TemplateSpec, worker_bounds


def fit_stage(
    spec: TemplateSpec, inventory: Inventory, ingest: IngestStage, family: Family, *, searched: bool
) -> FitStage:
    """The stage that trains.

    Args:
        searched: whether a sweep comes first, whose trials share the machine.

    Raises:
        PlanError: the resources do not exist, or would be idle.
    """
    worker = spec.resources.per_worker
    num_epochs = _num_epochs(spec, family)
    workers, why = _workers(spec, inventory, ingest, searched=searched)
    _refuse_idle_gpus(worker, family)
    check_fits(inventory.cluster, worker, workers, stream=ingest.mode == "stream")
    metric = plugins.load(plugins.METRICS, spec.evaluation.metric)
    used = {name: value for name, value in spec.training.model_dump(mode="json").items() if name in family.uses}
    return FitStage(
        family=family.name,
        loop=family.loop,
        trainer=family.trainer,
        model=Settings(spec.model.model_dump(mode="json")),
        training=Settings(used),
        num_epochs=num_epochs,
        metric=metric.id,
        higher_is_better=metric.higher_is_better,
        workers=workers,
        cpus_per_worker=worker.cpus,
        least_workers=0 if searched else _least_workers(spec, workers),
        max_failures=spec.resources.max_failures,
        gpus_per_worker=worker.gpus,
        memory_per_worker=worker.memory or 0,
        why=why,
        accelerator=worker.accelerator,
        step=family.step,
        warm_start=_warm_start(spec, inventory, ingest, family),
    )


def _refuse_idle_gpus(worker: PerWorkerSpec, family: Family) -> None:
    if worker.gpus and family.no_gpus:
        raise PlanError(
            f"resources.per_worker.gpus is {worker.gpus:g}, and {family.name} would hold GPUs without using them: "
            f"{family.no_gpus}",
            next_step="set resources.per_worker.gpus: 0, or another model.kind",
        )


def stage_of_arm(arm: TemplateSpec, inventory: Inventory, ingest: IngestStage) -> FitStage:
    """The stage of a sweep's trials of one family."""
    return fit_stage(arm, inventory, ingest, plugins.load(plugins.FAMILIES, arm.family), searched=True)


def _warm_start(spec: TemplateSpec, inventory: Inventory, ingest: IngestStage, family: Family) -> WarmStart | None:
    """The champion to start from, or what already rules it out."""
    if "warm_start" not in family.uses or spec.training.warm_start == "none":
        return None
    champion = inventory.champion
    if champion is None:
        return WarmStart(problem="there is no champion yet")
    problem = ""
    if champion.family != family.name:
        problem = f"the champion is of family {champion.family or 'unknown'}"
    elif champion.seen_until > ingest.window("test").start and ingest.split is None:
        problem = "the champion has seen test rows"
    elif champion.split != (ingest.split.id if ingest.split else ""):
        problem = "the champion has seen test rows: its data was split otherwise"
    return WarmStart(version=champion.version, digest=champion.digest, problem=problem)


def _num_epochs(spec: TemplateSpec, family: Family) -> int:
    namespace, _, field = family.epochs_field.partition(".")
    return int(getattr(spec.training if namespace == "training" else spec.model, field))


def _workers(spec: TemplateSpec, inventory: Inventory, ingest: IngestStage, *, searched: bool) -> tuple[int, str]:
    """The number of workers, and the reason in words. Auto is one process, or one worker for each GPU share.

    Args:
        searched: whether the workers are those of a trial, which the winner's last training uses too.
    """
    asked = spec.resources.workers
    if isinstance(asked, int):
        return asked, "as the template asks"
    worker, stream = spec.resources.per_worker, ingest.mode == "stream"
    most = fitting_workers(inventory.cluster, worker, ingest_cpus=INGEST_CPUS if stream else 0.0)
    bounds = worker_bounds(asked)
    if bounds is not None:
        least, top = bounds
        if searched:
            return least, f"the least of {least} to {top}: more trials at once"
        # If not even `least` fit, `check_fits` refuses them with an explanation.
        return max(least, min(top, most)), f"as many of {least} to {top} as fit"
    if worker.gpus and searched:
        return 1, "one a trial"
    if worker.gpus:
        return max(1, most), "one for each GPU share there is"
    # Measured on two cores: two workers took about four times as long for an epoch as one process, since ranks
    # exchange gradients after every step of 512 rows (docs/decisions/0008).
    return 0, "more workers would not be quicker"


def _least_workers(spec: TemplateSpec, workers: int) -> int:
    """Workers that are enough to continue training after some were lost; 0 if all are required."""
    asked = spec.resources.workers
    if isinstance(asked, int) or workers == 0:
        return 0
    bounds = worker_bounds(asked)
    return bounds[0] if bounds else 1
