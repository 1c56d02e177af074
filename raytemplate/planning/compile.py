"""Compile: a spec and an inventory -> a plan. Pure: nothing is read and nothing is started."""

from dataclasses import replace
from typing import Literal

from raytemplate import plugins
from raytemplate.data.schema_changes import as_schema, likely_renamed, schema_changes
from raytemplate.data.sources.folders import say_left_out
from raytemplate.evaluation.options import GroupSpec
from raytemplate.governance.gates.latency import LatencyGate
from raytemplate.models.options import Family
from raytemplate.planning.columns import check_columns
from raytemplate.planning.fitting import fit_stage, stage_of_arm
from raytemplate.planning.foreseen import foreseen_holds
from raytemplate.planning.ingesting import baseline_of, ingest_stage, split_of
from raytemplate.planning.inventory import Champion, Inventory
from raytemplate.planning.limits import limits_of
from raytemplate.planning.moments import resolve_as_of, windows_at, windows_by_split
from raytemplate.planning.sample import sample
from raytemplate.planning.searching import sweep_stage, with_sweep
from raytemplate.planning.stages import (
    EvaluateStage,
    GateConfig,
    GovernStage,
    GroupedBy,
    PromoteStage,
    RunPlan,
    plan_id,
)
from raytemplate.planning.taken import refuse_seen, taken_problems
from raytemplate.records.codec import Settings
from raytemplate.secret import found_from, is_reference
from raytemplate.spec.schema import TemplateSpec
from raytemplate.units import show_bytes

_NUM_RESAMPLES = 2000


def compile(spec: TemplateSpec, inventory: Inventory, as_of: str) -> RunPlan:  # noqa: A001  the usual term
    """The plan of one run.

    Raises:
        SpecError: columns that are missing from the data or have an unsuitable type; a feature set that does not fit
            the template, or has seen test rows.
        DataError: a window without rows.
        PlanError: the resources do not exist, or the budget is too small.
    """
    champion, schema = inventory.champion, as_schema(inventory.source.schema)
    renamed = likely_renamed(champion.schema, schema) if champion else {}
    check_columns(
        spec,
        inventory.source.schema,
        tuple(inventory.source.partitions),
        inventory.source.padded,
        renamed,
        taken_problems(spec, inventory),
    )
    split = split_of(spec.data, inventory.source, inventory.splits)
    moment = resolve_as_of(as_of, inventory.now, inventory.source, timed=split is None, time=spec.data.time)
    if split is None:
        windows = windows_at(moment, spec.data.windows, inventory.source)
    else:
        windows = windows_by_split(moment, split, inventory.source)
    refuse_seen(spec, inventory, windows[2], split)
    family: Family = plugins.load(plugins.FAMILIES, spec.family)
    source = inventory.source
    if spec.data.rows is not None:
        windows, source = sample(windows, source, spec.data.rows, timed=split is None)
    ingest = ingest_stage(spec, inventory, windows, split, source.files)
    fit = fit_stage(spec, inventory, ingest, family, searched=bool(spec.arms))
    sweep = sweep_stage(spec, inventory, ingest, tuple(stage_of_arm(arm, inventory, ingest) for arm in spec.arms))
    limits, prediction = limits_of(spec, inventory, ingest, fit, family, sweep)
    if sweep is not None:
        sweep, prediction = with_sweep(sweep, prediction, limits, ingest, inventory)
    plan = RunPlan(
        id="",
        name=spec.name,
        version=spec.version,
        template=str(spec.path),
        as_of=moment,
        ingest=ingest,
        fit=fit,
        evaluate=_evaluate(spec),
        govern=_govern(spec, inventory),
        promote=_promote(spec),
        limits=limits,
        forecast=prediction,
        machine=_machine(inventory),
        variant=spec.variant,
        code=inventory.code,
        owner=spec.owner,
        metadata=Settings(spec.metadata),
        artifacts=spec.contract.artifacts,
        sweep=sweep,
        set_outside=_set_outside(spec),
        left_out=say_left_out(inventory.source.left_out),
        changes=schema_changes(champion.schema, schema, ingest.columns, champion.version) if champion else (),
    )
    govern = replace(plan.govern, holds=foreseen_holds(plan, inventory.champion))
    return replace(plan, id=plan_id(plan), govern=govern)


def _set_outside(spec: TemplateSpec) -> tuple[str, ...]:
    """Fields set by --set, the environment or Python instead of a file, and entries that these take out. A mapping is
    listed by its entries."""
    found = [path for path, origin in spec.origins.items() if not origin.line] + [*spec.removed_outside]
    return tuple(sorted(path for path in found if not any(other.startswith(f"{path}.") for other in found)))


def _evaluate(spec: TemplateSpec) -> EvaluateStage:
    evaluation = spec.evaluation
    others = tuple(name for name in evaluation.also if name != evaluation.metric)
    return EvaluateStage(
        metric=evaluation.metric,
        also=others,
        resample=_resample(spec),
        baseline=baseline_of(spec),
        num_resamples=_NUM_RESAMPLES,
        seed=spec.training.seed,
        quantile=spec.training.quantile,
        slices=evaluation.slices,
        latency_rows=max((gate.rows for gate in spec.gates.values() if isinstance(gate, LatencyGate)), default=0),
    )


def _resample(spec: TemplateSpec) -> Literal["day", "hour", "week", "row"] | GroupedBy:
    asked = spec.evaluation.resample
    if isinstance(asked, GroupSpec):
        return GroupedBy(column=asked.group)
    if not spec.data.time:
        return "row"  # the only possible unit; a parent written for data with a time may ask for another
    return "day" if asked == "auto" else asked


def _govern(spec: TemplateSpec, inventory: Inventory) -> GovernStage:
    return GovernStage(
        gates=tuple(GateConfig(name=n, settings=Settings(g.model_dump(mode="json"))) for n, g in spec.gates.items()),
        promotion=spec.governance.promotion,
        skips=_skips(inventory.champion) if "beats-champion" in spec.gates else (),
        promotable=spec.variant in spec.governance.promotable,
        risk=spec.governance.risk,
    )


def _skips(champion: Champion | None) -> tuple[str, ...]:
    if champion is None:
        return ("beats-champion will be skipped: no champion yet",)
    if champion.other_key:
        return (f"beats-champion will not pass: version {champion.version} was trained with another data.mask_key",)
    return ()


def _promote(spec: TemplateSpec) -> PromoteStage:
    return PromoteStage(
        model=spec.name,
        promotion=spec.governance.promotion,
        tracking_uri=found_from(spec.tracking.uri, spec.folder),
        experiment=spec.tracking.experiment or spec.name,
        storage=_beside(spec, spec.tracking.storage),
        site=_beside(spec, spec.tracking.site),
        openlineage=_events_to(spec),
    )


def _events_to(spec: TemplateSpec) -> str:
    named = spec.tracking.openlineage
    return found_from(named, spec.folder) if is_reference(named) else _beside(spec, named)


def _beside(spec: TemplateSpec, named: str) -> str:
    """A folder, absolute if it is relative to the template; a URI unchanged."""
    return str((spec.folder / named).absolute()) if named and "://" not in named else named


def _machine(inventory: Inventory) -> str:
    cluster = inventory.cluster
    many = "s" if len(cluster.nodes) != 1 else ""
    name = "this machine" if cluster.local else f"{len(cluster.nodes)} node{many} at {cluster.address}"
    gpus = sum(n.gpus for n in cluster.nodes)
    return f"{name}, {cluster.cpus:g} CPUs, {show_bytes(cluster.memory_bytes)}, {f'{gpus:g} GPU' if gpus else 'no GPU'}"
