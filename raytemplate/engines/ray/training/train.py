"""Trains with Ray Train: `lower` makes a request from a stage, and only `fit` runs it."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray.train

from raytemplate import plugins
from raytemplate.budget import Meter
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.engines.ray.clusters.running import A_SHARE
from raytemplate.engines.ray.data.ingest import OpenData
from raytemplate.engines.ray.private.conducting import Rule, conducted
from raytemplate.engines.ray.private.room import fitting
from raytemplate.engines.ray.private.small_ray import calm_scheduling
from raytemplate.engines.ray.training.apart import train_apart
from raytemplate.engines.ray.training.beside import beside, ends_of
from raytemplate.engines.ray.training.context import Assignment, Ranks
from raytemplate.engines.ray.training.losses import Losses, failure_config
from raytemplate.engines.ray.training.rank import SHUFFLE_BUFFER_ROWS, TrainRequest, feed_of, run_loop, run_rank
from raytemplate.engines.ray.training.time_is_up import TimeIsUp
from raytemplate.engines.ray.trouble import is_lost, reason
from raytemplate.errors import IntegrityError, Unavailable
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import OnEpoch, Trained
from raytemplate.execution.standing import begin, standing
from raytemplate.execution.trials import Trial
from raytemplate.models.context import Start
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.models.saved import layout_of, seen_by
from raytemplate.models.warm_start import start_from
from raytemplate.planning.stages import FitStage, SweepStage
from raytemplate.records import codec
from raytemplate.records.fitted import EpochRecord, RankRecord, StopReason, Usage
from raytemplate.records.ingested import Snapshot
from raytemplate.store.clock import now_at
from raytemplate.tuning.front import SECONDS

_BLOCKS_A_RANK = 16


def lower(stage: FitStage, features: FittedFeatures, journal: Journal, remaining_s: float, made: float) -> TrainRequest:
    """The request for a stage, without any Ray objects, so that two can be compared.

    Args:
        remaining_s: seconds of training left.
        made: see `Assignment.made`.
    """
    training = TrainingSpec.model_validate(dict(stage.training))
    family: Family = plugins.load(plugins.FAMILIES, stage.family)
    every = family.checkpoint_interval(training, stage.num_epochs)
    return TrainRequest(
        name=journal.run_id,
        trainer=stage.trainer,
        loop=stage.loop,
        family=stage.family,
        model=dict(stage.model),
        assignment=Assignment(
            metric=stage.metric,
            higher_is_better=stage.higher_is_better,
            num_epochs=stage.num_epochs,
            training=training,
            checkpoint_every=every,
            checkpoints=journal.checkpoints,
            remaining_s=remaining_s,
            made=made,
            layout=seen_by(family, layout_of(features)),
            num_train_rows=_num_train_rows(stage, features, journal),
            start=_start(journal, features),
        ),
        num_workers=stage.workers,
        least_workers=stage.least_workers or stage.workers,
        max_failures=stage.max_failures,
        resources=held_by(stage),
        use_gpu=stage.gpus_per_worker > 0,
        storage=journal.folder / "ray",
        epochs_file=journal.folder / "epochs.jsonl",
        code=journal.code,
        with_validation=stage.with_validation,
    )


def held_by(stage: FitStage) -> dict[str, float]:
    """The resources that one worker holds, by Ray's names."""
    held = {"CPU": stage.cpus_per_worker}
    if stage.gpus_per_worker:
        held["GPU"] = stage.gpus_per_worker
    if stage.accelerator:
        held[f"accelerator_type:{stage.accelerator}"] = A_SHARE
    if stage.memory_per_worker:
        held["memory"] = float(stage.memory_per_worker)
    return held


def lower_trial(trial: Trial, sweep: SweepStage, features: FittedFeatures, journal: Journal) -> TrainRequest:
    """The request for a trial, with a folder of its own and the run's code; every epoch leaves a checkpoint."""
    request = lower(trial.stage, features, journal.trial(trial.number), trial.limit_s, now_at(journal.folder))
    also = tuple(one.name for one in sweep.objectives[1:] if one.name != SECONDS)
    assignment = replace(request.assignment, checkpoint_every=1, asks_at=trial.asks_at, also=also)
    return replace(request, assignment=assignment, code=journal.code)


def _num_train_rows(stage: FitStage, features: FittedFeatures, journal: Journal) -> int:
    if not stage.with_validation:
        return features.num_rows
    return features.num_rows + journal.need(Snapshot).window("validation").num_rows


def _start(journal: Journal, features: FittedFeatures) -> Start | None:
    """The champion to start from, which execution has put into the run's folder if it fits; None if there is none."""
    found = start_from(journal.start, features) if journal.start.is_dir() else None
    return found if isinstance(found, Start) else None


def fit(
    stage: FitStage, data: OpenData, journal: Journal, meter: Meter, on_epoch: OnEpoch, *, apart: bool = False
) -> Trained:
    """Train, resuming from the newest good checkpoint; see `execution.ports.Engine.fit`.

    Args:
        apart: train in a separate process, which can be killed, what would otherwise be trained in this one.
    """
    made = now_at(journal.folder)
    request = lower(stage, data.ingested.features, journal, meter.training_remaining_s(), made)
    stands = standing(journal)
    for problem in stands.refused:
        journal.note(f"checkpoint refused: {problem}")
    if stands.refused and stands.checkpoint is None:
        raise IntegrityError(f"no good checkpoint is left: {'; '.join(stands.refused)}", next_step="start a new run")
    started = time.monotonic()
    over = "budget.time" if meter.training_remaining_s() <= 0 else ""  # training never exceeds the budget
    if stopped := request.assignment.over(stands) or over:
        begin(journal, num_workers=max(1, stage.workers))
        return _trained(request, journal, stopped, (), started)
    if stage.workers == 0 and apart:
        stopped, ranks = train_apart(request, data, journal, on_epoch, meter)
    elif stage.workers == 0:
        stopped, ranks = _submit_local(request, data, journal, on_epoch)
    else:
        stopped, ranks = _submit_workers(request, data, journal, on_epoch, meter)
    return _trained(request, journal, stopped, ranks, started)


def _trained(
    request: TrainRequest, journal: Journal, stopped: StopReason, ranks: tuple[RankRecord, ...], started: float
) -> Trained:
    wall, workers, starts = time.monotonic() - started, max(1, request.num_workers), journal.starts()
    return Trained(
        stopped=stopped,
        resumed_from_epoch=starts[-1].from_epoch if starts else 0,
        ranks=ranks,
        usage=Usage(
            wall_clock_s=wall,
            cpu_s=wall * workers * request.resources["CPU"],
            gpu_s=wall * workers * request.resources.get("GPU", 0.0),
        ),
        engine=f"Ray Train, {starts[-1].num_workers} workers"
        if request.num_workers and starts
        else "Ray Train, local mode",
        restarts=journal.restarts(),
    )


def _submit_local(
    request: TrainRequest, data: OpenData, journal: Journal, on_epoch: OnEpoch
) -> tuple[StopReason, tuple[RankRecord, ...]]:
    """Train in Ray Train's local mode: the loop runs in this process, and its errors are raised unchanged."""

    def keep(record: EpochRecord) -> None:
        journal.add_epoch(record)
        on_epoch(record)

    def loop(config: dict[str, Any]) -> tuple[StopReason, RankRecord]:
        feed = feed_of(request, data.refs, {name: ds.iterator() for name, ds in data.streams.items()}, Ranks())
        return run_loop(request, feed, Ranks(), keep)

    with ExitStack() as changes:
        if data.streams:
            calm_scheduling(changes)
        result = trainer_of(request, loop, {}).fit()
    stopped, record = result.return_value
    return stopped, (record,)


def _submit_workers(
    request: TrainRequest, data: OpenData, journal: Journal, on_epoch: OnEpoch, meter: Meter
) -> tuple[StopReason, tuple[RankRecord, ...]]:
    """Train with a worker group in a thread, while this thread reports epochs as they are written and is interruptible.

    Raises:
        BudgetSpent: the whole budget ended before workers that should have stopped left a checkpoint.
    """
    streams = {name: data.streams[name] for name in ("train", "validation") if name in data.streams}
    if streams:
        streams["train"] = streams["train"].repartition(target_num_rows_per_block=_rows_a_block(request))
    config = {"request": request, "refs": dict(data.refs)}
    ends, no_start = ends_of(meter), time.monotonic() + meter.training_remaining_s()
    rules = (TimeIsUp(end_of(request), no_start), Losses(journal, request.max_failures))
    request.storage.mkdir(parents=True, exist_ok=True)
    end_of(request).unlink(missing_ok=True)  # may be left from an earlier process

    def work() -> None:
        trainer_of(request, run_rank, config, streams, *rules).fit()

    try:
        ended = beside(work, ends, journal, on_epoch, meter, end_of(request).touch)
    except Exception as error:  # raised again, as our own error if workers were lost
        raise _lost_too_often(error, request, journal) or error  # noqa: B904  the same error in other words
    return _read_ranks(request, journal.starts()[-1].num_workers) if ended else ("budget.time", ())


def _lost_too_often(error: BaseException, request: TrainRequest, journal: Journal) -> Unavailable | None:
    if not is_lost([error]):
        return None
    often = f"resources.max_failures: {request.max_failures}"
    return Unavailable(
        f"fit: workers were lost more often than allowed ({often}), the last time because {reason(error)}",
        next_step=f"raytemplate resume {journal.run_id}",
    )


def _rows_a_block(request: TrainRequest) -> int:
    """Rows in a block, the unit that a split hands out: few enough that every rank gets its share, even of one file."""
    share = request.assignment.num_train_rows // (request.num_workers * _BLOCKS_A_RANK)
    return max(1, min(share, SHUFFLE_BUFFER_ROWS))


def end_of(request: TrainRequest) -> Path:
    """A file; once it exists, training workers are ended."""
    return request.storage / "end"


def trainer_of(
    request: TrainRequest,
    loop: Callable[..., Any],
    config: dict[str, Any],
    datasets: Mapping[str, Any] | None = None,
    *rules: Rule,
) -> Any:
    """Ray Train's trainer for a request, with rules for its controller if it starts workers; nothing is started yet."""
    loop, callback = conducted(loop, rules, end_of(request)) if rules else (loop, None)
    settings: dict[str, Any] = {
        "train_loop_per_worker": loop, "train_loop_config": config, "datasets": dict(datasets or {}),
        "scaling_config": ray.train.ScalingConfig(
            num_workers=request.num_workers, use_gpu=request.use_gpu,
            resources_per_worker=dict(request.resources) if request.num_workers else None,
        ),
        "run_config": ray.train.RunConfig(
            name=request.name, storage_path=str(request.storage),
            failure_config=failure_config(request.max_failures),
            callbacks=[callback] if callback else [],
        ),
    }  # fmt: skip
    if datasets:
        settings["dataset_config"] = _whole_split()
    kind = trainer_class(request.trainer)
    return fitting(kind, settings, request.least_workers) if request.num_workers else kind(**settings)


def trainer_class(kind: str) -> Any:
    """Ray Train's trainer class of that kind; importing it takes half a second."""
    if kind == "torch":
        from ray.train.torch import TorchTrainer

        return TorchTrainer
    if kind == "lightgbm":
        from ray.train.lightgbm import LightGBMTrainer

        return LightGBMTrainer
    if kind == "xgboost":
        from ray.train.xgboost import XGBoostTrainer

        return XGBoostTrainer
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    return DataParallelTrainer


def _whole_split() -> Any:
    """A split without losses: Ray's own drops rows to make shards equal, but we train on every row in equal steps."""

    class WholeSplit(ray.train.DataConfig):
        def configure(
            self, datasets: Any, world_size: int, worker_handles: Any, worker_node_ids: Any, **more: Any
        ) -> Any:
            output: list[dict[str, Any]] = [{} for _ in range(world_size)]
            for name, dataset in datasets.items():
                split = (
                    dataset.streaming_split(world_size, equal=False)
                    if name == "train"
                    else [dataset.iterator()] * world_size
                )
                for rank, iterator in enumerate(split):
                    output[rank][name] = iterator
            return output

    return WholeSplit()


def _read_ranks(request: TrainRequest, num_workers: int) -> tuple[StopReason, tuple[RankRecord, ...]]:
    """What the ranks of the last start left: the reason why they stopped, and the record of each."""
    found = [json.loads((request.storage / f"rank-{r}.json").read_text()) for r in range(num_workers)]
    return found[0]["stopped"], tuple(codec.decode(RankRecord, f["record"]) for f in found)
