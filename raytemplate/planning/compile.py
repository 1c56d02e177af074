"""Compile: a spec and an inventory -> a plan. Pure: nothing is read and nothing is started."""

from dataclasses import replace
from typing import Literal

from raytemplate import plugins
from raytemplate.data.conditions import parse_condition, target_columns
from raytemplate.data.features.inputs import reads
from raytemplate.data.features.options import TextOptions
from raytemplate.data.mask_options import DROP
from raytemplate.data.options import DataSpec
from raytemplate.data.schema_changes import as_schema, likely_renamed, schema_changes
from raytemplate.data.sources.as_read import word_of
from raytemplate.data.sources.folders import say_left_out
from raytemplate.data.sources.listing import SourceFile, SourceTable
from raytemplate.data.sources.source import handles_of
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.errors import PlanError
from raytemplate.evaluation.options import GroupSpec
from raytemplate.governance.gates.latency import LatencyGate
from raytemplate.models.options import Family
from raytemplate.planning.columns import can_be_hashed, check_columns, hashed_as
from raytemplate.planning.features import every_searched, feature_steps, num_feature_sets, searches_features
from raytemplate.planning.foreseen import foreseen_holds
from raytemplate.planning.inventory import Champion, Inventory
from raytemplate.planning.limits import limits_of
from raytemplate.planning.masks import mask_of
from raytemplate.planning.moments import most_inside, overlaps, resolve_as_of, windows_at, windows_by_split
from raytemplate.planning.packing import INGEST_CPUS, check_fits, fitting_workers
from raytemplate.planning.promised import contract_of, promises_of, row_numbers
from raytemplate.planning.sample import sample
from raytemplate.planning.searching import sweep_stage, trials_at_once, with_sweep
from raytemplate.planning.stages import (
    EvaluateStage,
    FeatureStep,
    FileSlice,
    FitStage,
    GateConfig,
    GovernStage,
    GroupedBy,
    IngestStage,
    PromoteStage,
    RunPlan,
    Window,
    plan_id,
)
from raytemplate.planning.taken import refuse_seen, taken_problems
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import WarmStart
from raytemplate.secret import found_from, is_reference
from raytemplate.spec.schema import PerWorkerSpec, TemplateSpec, worker_bounds
from raytemplate.units import show_bytes

_NUM_RESAMPLES = 2000
_MEMORY_SHARE = 0.25
"""Share of the smallest node's memory that rows may take."""
_STORE_SHARE = 1 / 3
"""Share of the object store that rows may take: it holds a block's raw and encoded rows at the same time."""
_BYTES_A_VALUE, _BYTES_ENCODED = 12, 4
"""Bytes of one value: raw and encoded together, and encoded alone."""


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
        renamed,
        taken_problems(spec, inventory),
    )
    split = split_of(spec.data, inventory.source, inventory.champion.split if inventory.champion else "")
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
    ingest = _ingest(spec, inventory, windows, split, source.files)
    fit = _fit(spec, inventory, ingest, family, searched=bool(spec.arms))
    sweep = sweep_stage(spec, inventory, ingest, tuple(_fit_of_arm(arm, inventory, ingest) for arm in spec.arms))
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
    """Fields set by --set, the environment or Python instead of a file. A mapping is listed by its entries."""
    found = [path for path, origin in spec.origins.items() if not origin.line]
    return tuple(sorted(path for path in found if not any(other.startswith(f"{path}.") for other in found)))


def split_of(data: DataSpec, source: SourceTable, champion: str = "") -> Split | None:
    """The split by row hash that a template asks for; None if it uses windows of time.

    Args:
        champion: the id of the champion's split. If that split differs only in hashing values as earlier versions did,
            it is kept, because the champion must not be judged on rows that it was trained on.
    """
    if data.split is None:
        return None
    # The target is not hashed: rows that differ only in their target would be separated by it, and with few features
    # the test window could hold exactly the answers that train lacks.
    answer = (*target_columns(data.target), *data.split.ignore)
    columns = data.keys or tuple(n for n, kind in source.schema.items() if n not in answer and can_be_hashed(kind))
    columns = tuple(sorted(columns))
    before = Split(
        validation=data.split.validation,
        test=data.split.test,
        seed=data.split.seed,
        columns=columns,
        by_keys=bool(data.keys),
    )
    return (
        before if before.id == champion else replace(before, kinds=tuple(hashed_as(source.schema[n]) for n in columns))
    )


def _ingest(
    spec: TemplateSpec,
    inventory: Inventory,
    windows: tuple[Window, Window, Window],
    split: Split | None,
    files: tuple[SourceFile, ...],
) -> IngestStage:
    source, data = inventory.source, spec.data
    features = feature_steps(spec)
    searched = every_searched(spec, features)
    columns = columns_read(spec, inventory, searched)
    only_keys = tuple(key for key in data.keys if key not in columns)
    columns += only_keys
    num_rows = sum(w.num_rows for w in windows)
    taken = inventory.taken
    width = _text_width(features) + (taken.num_columns if taken else 0)
    memory = num_rows * (len(columns) * _BYTES_A_VALUE + 4 * width)
    if keeps_rows := searches_features(spec):
        encoded = len(columns) * _BYTES_ENCODED + 4 * _text_width(searched)
        more = int(min(num_feature_sets(spec), trials_at_once(spec, inventory) + 1)) * encoded
        memory += sum(w.num_rows for w in windows[:2]) * (len(columns) * (_BYTES_A_VALUE - _BYTES_ENCODED) + more)
    planned = tuple(s for f in files if (s := _slice(f, columns, windows, split)) is not None)
    promises = promises_of(spec)
    return IngestStage(
        source=source.kind,
        root=source.root,
        num_files_listed=len(source.files),
        files=planned,
        columns=columns,
        time=data.time,
        target=data.target,
        keys=data.keys,
        drop=data.drop,
        windows=windows,
        features=features,
        baseline=_baseline(spec),
        newest=source.time_max,
        mode=_mode(spec, inventory, memory, _most(windows, files, num_rows)),
        memory_bytes=memory,
        seed=spec.training.seed,
        task=data.task,
        positive=data.positive,
        contract=contract_of(spec),
        reading=source.reading,
        location=source.location,
        version=source.version,
        split=split,
        keeps_rows=keeps_rows,
        gaps=True,
        rules=Rules(**spec.data.csv.model_dump()),
        types=_types(source, columns),
        mask=mask_of(spec),
        name=source.name,
        promises=promises,
        source_columns=as_schema(source.schema),
        row_numbers=row_numbers(planned, source.files) if promises or spec.contract.columns else Settings(),
        keep="copy" if source.kind == "sql" else data.keep,
        only_keys=only_keys,
        taken=taken,
    )


def _types(source: SourceTable, columns: tuple[str, ...]) -> Settings:
    return Settings({name: word_of(source.schema[name]) for name in columns if name in source.schema})


def _most(windows: tuple[Window, ...], files: tuple[SourceFile, ...], num_rows: int) -> float:
    """The highest possible number of rows, as a multiple of the expected number."""
    if all(window.exact for window in windows) or any(window.start == window.end for window in windows):
        return 1.0
    start, end = windows[0].start, windows[-1].end
    most = sum(most_inside(group, start, end) for file in files for group in file.slices)
    return max(1.0, min(window.share for window in windows) * most / max(1, num_rows))


def _text_width(steps: tuple[FeatureStep, ...]) -> int:
    """Most dense columns that text columns become; a column with several steps counts with its widest."""
    texts = [step for step in steps if step.kind == "text"]
    widths = sorted((TextOptions.model_validate(dict(step.settings)).width, step.column) for step in texts)
    return sum({column: width for width, column in widths}.values())


def columns_read(spec: TemplateSpec, inventory: Inventory, features: tuple[FeatureStep, ...]) -> tuple[str, ...]:
    """Every column the run reads: its own, the baseline's, and those the champion needs to be scored again."""
    wanted = [*([spec.data.time] if spec.data.time else []), *target_columns(spec.data.target)]
    wanted += inventory.taken.columns if inventory.taken else ()
    wanted += [column for step in features for column in (*reads(step), *step.settings.get("fold_by", ()))]
    if spec.data.drop:
        wanted += parse_condition(spec.data.drop).columns
    wanted += spec.evaluation.baseline.columns
    wanted += spec.evaluation.slices
    if isinstance(spec.evaluation.resample, GroupSpec):
        wanted.append(spec.evaluation.resample.group)
    wanted += spec.contract.columns
    wanted += [name for one in spec.contract.rows for name in parse_condition(one.rule).columns]
    wanted += spec.contract.unique.rule if spec.contract.unique else ()
    if inventory.champion is not None:
        gone = [name for name, rule in spec.data.mask.items() if rule == DROP]
        wanted += [c for c in inventory.champion.columns if c in inventory.source.schema and c not in gone]
    return tuple(dict.fromkeys(wanted))


def _slice(
    file: SourceFile, columns: tuple[str, ...], windows: tuple[Window, ...], split: Split | None
) -> FileSlice | None:
    start, end = windows[0].start, windows[-1].end
    held = [one for one in file.slices if one.num_rows and (split is not None or overlaps(one, start, end))]
    if not held:
        return None
    return FileSlice(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        slices=tuple(one.number for one in held),
        num_rows=sum(one.num_rows for one in held),
        bytes_to_read=sum(one.bytes_of((*columns, *(split.columns if split else ()))) for one in held),
        handle=file.handle,
        handles=handles_of(held),
    )


def _mode(spec: TemplateSpec, inventory: Inventory, memory: int, most: float) -> Literal["memory", "stream"]:
    """The ingest mode. Auto chooses memory only if the highest possible number of rows fits: the number expected may be
    an estimate."""
    smallest = min(n.memory_bytes for n in inventory.cluster.nodes)
    store = min((n.object_store_bytes for n in inventory.cluster.nodes if n.object_store_bytes), default=smallest)

    def fits(need: float) -> bool:
        return need <= min(smallest * _MEMORY_SHARE, store * _STORE_SHARE)

    if spec.data.ingest == "memory" and not fits(memory):
        shorter = "set data.rows" if spec.data.split else "shorten data.windows.train"
        raise PlanError(
            f"data.ingest: memory needs about {show_bytes(memory)}; a quarter of this machine's {show_bytes(smallest)} "
            "may be used",
            next_step=f"set data.ingest: stream, or {shorter}",
        )
    if spec.data.ingest == "auto":
        return "memory" if fits(memory * most) else "stream"
    return spec.data.ingest


def _fit(spec: TemplateSpec, inventory: Inventory, ingest: IngestStage, family: Family, *, searched: bool) -> FitStage:
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


def _fit_of_arm(arm: TemplateSpec, inventory: Inventory, ingest: IngestStage) -> FitStage:
    return _fit(arm, inventory, ingest, plugins.load(plugins.FAMILIES, arm.family), searched=True)


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


def _baseline(spec: TemplateSpec) -> Settings:
    """The rule and its columns; for the rule `quantile_by` also the quantile."""
    baseline = spec.evaluation.baseline
    which = {"quantile": spec.training.quantile} if baseline.rule == "quantile_by" else {}
    return Settings({baseline.rule: list(baseline.columns), **which})


def _evaluate(spec: TemplateSpec) -> EvaluateStage:
    evaluation = spec.evaluation
    others = tuple(name for name in evaluation.also if name != evaluation.metric)
    return EvaluateStage(
        metric=evaluation.metric,
        also=others,
        resample=_resample(spec),
        baseline=_baseline(spec),
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
