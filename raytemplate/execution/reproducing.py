"""Training a run again from its records alone: whether that is possible, what is trained, and what came of it.

Nothing that an earlier run has computed is used again but the values that a sweep chose.
"""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from raytemplate import plugins
from raytemplate.code.files import digest_of
from raytemplate.errors import IntegrityError, PlanError, UsageError
from raytemplate.execution.image import image_of
from raytemplate.execution.journal import LOCK, Journal
from raytemplate.execution.lock import RunLock
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.planning.environment import IMAGE, code_digest, cpu_model, environment, image_here, own_version
from raytemplate.planning.inventory import Node
from raytemplate.planning.stages import FitStage, RunPlan, SweepStage
from raytemplate.planning.trial import epochs_field, settled, trial_stage, with_interval
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult, WarmStart
from raytemplate.records.ingested import Snapshot
from raytemplate.records.reproduced import MetricAgain, Reproduction
from raytemplate.records.run import RunStart
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.store.content_store import ContentStore

_BUDGETS = 2.0
"""Budgets of the original run that training it again may take: how much there is to train is known."""

_INSTALL = "install the raytemplate that made it"
_OF_SOME_FAMILIES = ("torch", "lightgbm", "xgboost", "xgboost-cpu")
_NOT_IN_NUMBERS = ("mlflow",)
"""Packages in a run's environment on which its numbers do not depend."""


def refuse_changed(journal: Journal, lock: RunLock) -> None:
    """Refuse to train again with other packages or other code than the run was made with.

    Raises:
        IntegrityError: names everything that has changed.
    """
    packages, image, changed = _packages(lock), image_of(journal, lock), []
    for name, now in packages.items():
        then = lock.environment.get(name, "not installed")
        changed.append(f"  {name}: {then} then, {now} now")
    if image and image != (here := image_here()):
        changed.append(f"  image: {image} then, {f'{here} now' if here else f'not known now: {IMAGE} is not set'}")
    if lock.code_sha256 != (code := code_digest()):
        then = f"{lock.raytemplate or 'an earlier version'} (code {lock.code_sha256[:12]})"
        changed.append(f"  raytemplate: {then} then, {own_version()} (code {code[:12]}) now")
    if lock.plan.code.sha256 and digest_of(journal.code) != lock.plan.code.sha256:
        changed.append(f"  {journal.code}: not the modules that were copied when the run was made")
    if changed:
        raise IntegrityError(
            "\n".join([f"run {journal.run_id} cannot be made again as it was; since then changed:", *changed])
            + "\nnothing was started",
            next_step=_to_install(lock, packages) or (f"use the image {image}" if image else _INSTALL),
        )


def _packages(lock: RunLock) -> dict[str, str]:
    """Packages, and Python and the machine, that differ from those of the run and may change its numbers."""
    plan = lock.plan
    stages = (plan.fit, *(plan.sweep.arms if plan.sweep else ()))
    used = {name for stage in stages for name in (*_family(stage).packages, stage.trainer)}
    used |= {"xgboost-cpu"} if "xgboost" in used else set()
    now = environment()
    names = dict.fromkeys((*lock.environment, *now))
    return {
        name: now.get(name, "not installed")
        for name in names
        if now.get(name) != lock.environment.get(name)
        and name not in _NOT_IN_NUMBERS
        and (name in used or name not in _OF_SOME_FAMILIES)
    }


def _to_install(lock: RunLock, packages: dict[str, str]) -> str:
    then = {name: lock.environment[name] for name in packages if name in lock.environment}
    wanted = [f"{name}=={version}" for name, version in then.items() if name not in ("python", "machine", "system")]
    return f"pip install {' '.join(map(quote, wanted))}" if wanted else ""


def refuse_too_small(journal: Journal, fit: FitStage, machine: Node) -> None:
    """Refuse workers for which this machine has no room: the same number is needed for the same result.

    Raises:
        PlanError: it has too few CPUs or GPUs.
    """
    needs = (fit.workers * fit.cpus_per_worker, fit.workers * fit.gpus_per_worker)
    if needs[0] > machine.cpus or needs[1] > machine.gpus:
        gpus = f" and {needs[1]:g} GPUs" if needs[1] else ""
        raise PlanError(
            f"run {journal.run_id} was trained by {fit.workers} workers on {needs[0]:g} CPUs{gpus}; "
            f"this machine has {machine.cpus:g} CPUs and {machine.gpus:g} GPUs",
            next_step=f"raytemplate reproduce {journal.run_id} --address RAY",
        )


def plan_again(plan: RunPlan, journal: Journal) -> RunPlan:
    """The plan that trains a run's candidate again: a sweep's winner without the sweep, as many epochs as before, and
    nothing reused.

    Raises:
        UsageError: the run has left no candidate.
    """
    fit, swept = journal.read(FitResult), journal.read(SweepResult)
    if fit is None:
        raise UsageError(
            f"run {journal.run_id} has left no candidate, so there is nothing to make again",
            next_step=f"raytemplate show {journal.run_id}",
        )
    if plan.sweep is not None and swept is not None and fit.engine.startswith("trial "):
        winner = settled(replace(plan, sweep=replace(plan.sweep, refit=False)), swept)
        plan = replace(winner, sweep=None, fit=_of_trial(plan.sweep, swept.best))
    elif fit.stopped.startswith("budget."):
        plan = replace(plan, fit=_first_epochs(plan.fit, fit.epochs[-1].epoch))
    limits = replace(plan.limits, time_s=_BUDGETS * plan.limits.time_s, cost_usd=_BUDGETS * plan.limits.cost_usd)
    return replace(plan, limits=limits, evaluate=replace(plan.evaluate, latency_rows=0), reuse=None)


def _of_trial(sweep: SweepStage, best: TrialRecord) -> FitStage:
    stage = with_interval(trial_stage(sweep, best.values, num_epochs=best.num_epochs))
    return _first_epochs(stage, best.epochs)


def _first_epochs(stage: FitStage, num_epochs: int) -> FitStage:
    """The stage, ended after its first epochs, which are the same as if it went on: a network's schedule of learning
    rates keeps its length, and trees keep the rounds at which they report."""
    family = _family(stage)
    if family.step == "epoch":
        return replace(stage, num_epochs=num_epochs)
    every = family.checkpoint_interval(TrainingSpec.model_validate(dict(stage.training)), stage.num_epochs)
    field = epochs_field(stage).partition(".")[2]
    return replace(
        stage,
        num_epochs=num_epochs,
        model=Settings({**stage.model, field: num_epochs}),
        training=Settings({**stage.training, "checkpoint_every": every}),
    )


def _family(stage: FitStage) -> Family:
    return plugins.load(plugins.FAMILIES, stage.family)


def records_again(journal: Journal, folder: Path, store: ContentStore, *, address: str, sweep: bool) -> Journal:
    """A new folder that holds what training again needs: code, snapshot, the values that a sweep chose, and the
    champion that training started from.

    Args:
        store: holds that champion if the run's folder no longer does.
        address: the Ray to train on; "" for one of its own.
        sweep: whether the winner of a sweep is trained again by its last training.

    Raises:
        IntegrityError: a record is missing or edited, or the champion's bytes are.
    """
    again = Journal(folder)
    again.keep(LOCK, (journal.folder / LOCK).read_bytes())
    again.write(replace(journal.need(RunStart), address=address, moved_from=()))
    again.write(journal.need(Snapshot))
    if journal.code.is_dir():
        shutil.copytree(journal.code, again.code)
    if sweep:
        again.write(journal.need(SweepResult))
    warm = journal.read(WarmStart)
    if warm is not None:
        again.write(warm)
        if not warm.problem:
            shutil.copytree(journal.start if journal.start.is_dir() else store.open(warm.digest), again.start)
    return again


def compared(journal: Journal, again: Journal, lock: RunLock, *, tolerance: float, seconds: float) -> Reproduction:
    """What came of training again, beside what the run recorded.

    Args:
        tolerance: largest share of a metric's recorded value by which it may differ.
        seconds: how long it took.
    """
    before, now = journal.need(FitResult), again.need(FitResult)
    recorded, measured = journal.read(Evaluation), again.need(Evaluation)
    metrics = recorded.metrics if recorded is not None else {}
    return Reproduction(
        run_id=journal.run_id,
        at=datetime.now(UTC),
        weights_recorded=before.candidate.weights_sha256,
        weights_again=now.candidate.weights_sha256,
        inexact=_inexact(lock, before),
        metrics=tuple(
            MetricAgain(name=name, recorded=one.value, again=measured.metrics[name].value, tolerance=tolerance)
            for name, one in metrics.items()
        ),
        wall_clock_s=seconds,
    )


def _inexact(lock: RunLock, before: FitResult) -> str:
    """Why another training need not give the same bits; "" if it must."""
    plan = lock.plan
    if plan.ingest.mode == "stream":
        return "rows were streamed, in an order that depends on the machine"
    if plan.fit.gpus_per_worker:
        return "it was trained on GPUs"
    if before.restarts:
        return "workers were lost and replaced while it was trained"
    if lock.cpu != cpu_model():
        return f"it was trained on another kind of CPU ({lock.cpu or 'not recorded'})"
    return ""
