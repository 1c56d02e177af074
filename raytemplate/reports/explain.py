"""A plan as a person reads it before anything starts."""

import math
import re
import shlex
from collections.abc import Sequence

from raytemplate.data.features.fitted import FittedColumn
from raytemplate.data.mask_options import masked_text
from raytemplate.data.sources.naming import SQL
from raytemplate.data.split import Split
from raytemplate.planning.addresses import command_for, is_jobs_api
from raytemplate.planning.stages import (
    EvaluateStage,
    FeatureStep,
    FitStage,
    GovernStage,
    IngestStage,
    PromoteStage,
    RunPlan,
    Stage,
    SweepStage,
    Window,
)
from raytemplate.reports.layout import hanging, table
from raytemplate.reports.progress import start_text
from raytemplate.reports.wording import about_seconds, baseline_name, head_line, rounded, taken_text
from raytemplate.units import count, show_bytes, show_limit, show_moment, show_usd, show_usd_limit

_CLEARLY = 1.01
"""Ratio of forecast to limit above which a run is said to be cut short. A search is planned to end with its budget, so
rounding alone must not trigger this."""


def explain(plan: RunPlan, *, file: str, command_tail: str = "", address: str = "") -> str:
    """The whole plan: windows, stages, resources, time, cost and the command that runs it.

    Args:
        file: the template as it was named on the command line.
        command_tail: what followed the file there, such as "--as-of 2013-06-01".
        address: the Ray that the plan is for, which the tail names too; "" for a Ray of the run's own.
    """
    stages = (_numbered(number, stage, plan) for number, stage in enumerate(plan.stages, start=1))
    blocks = (
        head_line(plan),
        f"{_windows(plan.ingest)}\n{_features(plan.ingest)}",
        "\n".join(stages),
        "\n".join(hanging(f"  {name:<13}", text) for name, text in (*_limits(plan), *_reused(plan), *_changed(plan))),
        _next(plan, file, command_tail, address),
    )
    return "\n\n".join(blocks)


def _changed(plan: RunPlan) -> list[tuple[str, str]]:
    return [("changed", line) for line in plan.changes]


def _reused(plan: RunPlan) -> list[tuple[str, str]]:
    """What is taken over from an earlier run and why; nothing if there is nothing to take over."""
    reuse = plan.reuse
    if reuse is None or not reuse.why:
        return []
    again = "runs again" if reuse.allowed else "runs"
    done = f"is reused, because {reuse.why}; all other stages run" if reuse.run_id else f"{again}, because {reuse.why}"
    return [("reuse", f"ingest {done}")]


def _next(plan: RunPlan, file: str, tail: str, address: str) -> str:
    """The command that executes the plan on the Ray that it was planned for."""
    lacking = ""
    if is_jobs_api(address) and not plan.promote.storage:
        lacking = " It needs a folder that the cluster and this machine both see: --set tracking.storage=FOLDER."
    command = f"raytemplate {command_for(address)} {shlex.quote(file)} {tail}".rstrip()
    return f"Nothing was started.{lacking} To run it:\n  {command}"


def _windows(stage: IngestStage) -> str:
    windows = stage.windows
    if stage.split is not None:
        return _sides(stage.split, windows)
    rows: list[tuple[str, str, str]] = []
    for window in windows:
        length = "all there is" if window.length == "all" else window.length
        end = " (end excluded)" if window is windows[-1] else ""
        rows.append((window.name, f"{show_moment(window.start)} .. {show_moment(window.end)}", length + end))
    return table(rows, gaps=(3, 3))


def _sides(split: Split, windows: tuple[Window, ...]) -> str:
    by = ", ".join(split.columns) if split.by_keys else "all columns but the target"
    note = f"by a hash of {by}, seed {split.seed}"
    return table([(w.name, w.length, note if w is windows[0] else "") for w in windows], gaps=(3, 3))


def _features(stage: IngestStage) -> str:
    """Every feature, by its kind; those of a feature set apart."""
    taken = [f"{taken_text(stage.taken)}: {_by_kind(stage.taken.features)}"] if stage.taken else []
    own = [f"{len(stage.features)}{' of its own' if taken else ''}: {_by_kind(stage.features)}"]
    lines = [*taken, *(own if stage.features else [])]
    return "\n".join(hanging(f"  {'' if number else 'features':<13}", line) for number, line in enumerate(lines))


def _by_kind(features: Sequence[FeatureStep | FittedColumn]) -> str:
    kinds: dict[str, list[str]] = {}
    for feature in features:
        kinds.setdefault(feature.kind, []).append(feature.column)
    return "; ".join(f"{kind} {', '.join(columns)}" for kind, columns in kinds.items())


def _numbered(number: int, stage: Stage, plan: RunPlan) -> str:
    word, text = _stage(stage, plan)
    return hanging(f"  {number} {word:<11}", text)


def _stage(stage: Stage, plan: RunPlan) -> tuple[str, str]:
    match stage:
        case IngestStage():
            kept = _kept(stage)
            return "ingest", _ingest(stage, plan.machine) + _masked(stage) + _judged(stage) + kept + _after(
                plan.left_out
            )
        case SweepStage():
            return "sweep", _sweep(stage)
        case FitStage():
            return "fit", _fit(stage, plan.ingest) if plan.sweep is None else _last(plan.sweep, stage)
        case EvaluateStage():
            return "evaluate", _evaluate(stage)
        case GovernStage():
            return "govern", _govern(stage)
        case PromoteStage():
            return "promote", _promote(stage, plan)


def _ingest(stage: IngestStage, machine: str) -> str:
    version = f"{stage.name} version {stage.version}, " if stage.version else ""
    files = f"{version}{len(stage.files):,} of {count(stage.num_files_listed, 'file')}"
    files = f"{stage.name} by SQL" if stage.source == SQL else files
    size = show_bytes(sum(file.bytes_to_read for file in stage.files))
    if stage.mode == "stream":
        return f"{files}, {_rows(stage)}, {size}; streamed"
    memory = re.search(r"\d+(\.\d+)? [kMGT]?B\b", machine)
    whole = f" of {memory[0]}" if memory else ""
    return f"{files}, {_rows(stage)}, {size}; in memory ({show_bytes(stage.memory_bytes)}{whole})"


def _masked(stage: IngestStage) -> str:
    return f"; masked: {masked_text(stage.mask.rules)}" if stage.mask else ""


def _judged(stage: IngestStage) -> str:
    """How many conditions on rows the contract has, and what happens to rows that break them."""
    rows = stage.promises.rows if stage.promises else ()
    fates = ", ".join(dict.fromkeys(one.on_breach for one in rows))
    return f"; contract: {count(len(rows), 'condition')} on rows ({fates})" if rows else ""


def _kept(stage: IngestStage) -> str:
    return "; the rows are kept" if stage.keep == "copy" else ""


def _after(text: str) -> str:
    return f"; {text}" if text else ""


def _rows(stage: IngestStage) -> str:
    number = sum(window.num_rows for window in stage.windows)
    if any(window.share < 1 for window in stage.windows):
        read = sum(file.num_rows for file in stage.files)
        return f"a sample of about {rounded(number, 4)} rows of {read:,} read"
    exact = all(window.exact for window in stage.windows)
    return count(number, "row") if exact else f"about {rounded(number, 4)} rows"


def _fit(stage: FitStage, ingest: IngestStage) -> str:
    held = f"{stage.cpus_per_worker:g} CPU{'s' if stage.cpus_per_worker > 1 else ''}"
    if stage.gpus_per_worker:
        held += f" and {stage.gpus_per_worker:g} GPU{'s' if stage.gpus_per_worker > 1 else ''}"
    if stage.workers > 1:
        held += " each"
    processes = count(stage.workers, "worker") if stage.workers else "1 process"
    why = f": {stage.why}" if stage.why else ""
    what = "" if ingest.task == "regression" else f" for {ingest.target} ({ingest.task})"
    begun = f", {start_text(stage.warm_start)}" if stage.warm_start else ""
    trained = f"{stage.family}{what}, {count(stage.num_epochs, stage.step)}{begun}"
    return f"{trained}; {processes}, {held}{why}{_losses(stage)}"


def _losses(stage: FitStage) -> str:
    """What happens to training if workers are lost; "" for a single process."""
    if not stage.workers:
        return ""
    if not stage.max_failures:
        return "; lost workers end the run (resources.max_failures: 0)"
    fewer = 0 < stage.least_workers < stage.workers
    suffice = f", and {stage.least_workers} then suffice{'s' if stage.least_workers == 1 else ''}" if fewer else ""
    return f"; lost workers are started again, at most {count(stage.max_failures, 'time')}{suffice}"


def _sweep(stage: SweepStage) -> str:
    drawn = ", ".join(knob.name for knob in stage.space)
    most = f"at most {count(stage.num_trials, 'trial')}" if stage.num_trials else "trials until the time is up"
    at_once = f", {stage.slots} at once" if stage.slots > 1 else ", one at a time"
    limit = f", each at most {show_limit(stage.per_trial_s)}" if stage.per_trial_s else ""
    first = f"; {count(len(stage.begin_with), 'winner')} of earlier runs first" if stage.begin_with else ""
    ended = "" if stage.scheduler == "none" else f"; {stage.scheduler} ends the worse ones early"
    expected = f"about {stage.expected_trials:,} expected to be started"
    each = f", of {count(stage.workers, 'worker')}" if stage.workers > 1 else ""
    return f"{drawn} by {stage.search}{_picked(stage)}{first}; {most}{each}{at_once}{limit}{ended}; {expected}"


def _picked(stage: SweepStage) -> str:
    if stage.pick is None:
        return ""
    names = ", ".join(one.name for one in stage.objectives)
    near = f"{stage.objectives[0].name} within {100 * stage.pick.within:g} % of the best"
    return f" for {names}: the best {stage.pick.best} with {near} wins"


def _last(sweep: SweepStage, stage: FitStage) -> str:
    if sweep.refit:
        return f"the winner's values again, for its best number of epochs, on train and validation{_losses(stage)}"
    return "nothing more: the winner's own model is the candidate"


def _evaluate(stage: EvaluateStage) -> str:
    metrics = ", ".join([f"{stage.metric} (decides)", *stage.also])
    slices = f"; by {', '.join(stage.slices)}" if stage.slices else ""
    return f"{metrics}{slices}; against {baseline_name(stage.baseline)}"


def _govern(stage: GovernStage) -> str:
    if not stage.gates:
        return "no gates: nothing will be promoted"
    gates = f"{count(len(stage.gates), 'gate')}{', high risk' if stage.risk == 'high' else ''}"
    return "; ".join([gates, *(_skip(skip) for skip in stage.skips)])


def _skip(skip: str) -> str:
    """ "beats-champion: no champion yet" as a sentence; one that is already a sentence is kept."""
    return skip if " will " in skip else skip.replace(": ", " will be skipped: ", 1)


def _promote(stage: PromoteStage, plan: RunPlan) -> str:
    if not plan.govern.promotable:
        return f"nothing: variant {plan.variant} is judged for show"
    if stage.promotion == "automatic":
        return "automatic, if no gate blocks or holds"
    return "manual: if no gate blocks, waits for raytemplate promote RUN"


def _limits(plan: RunPlan) -> tuple[tuple[str, str], ...]:
    """What is expected and what is allowed; if more is expected than allowed, also what happens to the run."""
    short = f": {'training' if plan.sweep is None else 'the search'} will be cut short"
    time = f"about {about_seconds(plan.forecast.seconds)} ({_range(plan)}), limit {show_limit(plan.limits.time_s)}"
    held = tuple(("held", reason) for reason in plan.govern.holds)
    time += short if plan.forecast.seconds > _CLEARLY * plan.limits.time_s else ""
    if math.isinf(plan.limits.cost_usd):
        cost = f"not known: {plan.limits.basis}"
        return (("resources", f"fits: {plan.machine}"), ("time", time), ("cost", cost), *held)
    limit = f"limit {show_usd_limit(plan.limits.cost_usd)} USD ({plan.limits.basis})"
    cost = f"{show_usd(plan.forecast.cost_usd)} USD, {limit}"
    cost += short if plan.forecast.cost_usd > _CLEARLY * plan.limits.cost_usd else ""
    return (("resources", f"fits: {plan.machine}"), ("time", time), ("cost", cost), *held)


def _range(plan: RunPlan) -> str:
    low, high = about_seconds(plan.forecast.low_s), about_seconds(plan.forecast.high_s)
    if low.endswith(" s") and high.endswith(" s"):
        low = low.removesuffix(" s")
        high = high.removesuffix(" s")
    return f"{low} to {high}"
