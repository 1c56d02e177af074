"""The code that every rank of a training runs, in this process or in a worker: sets up the feed and runs the loop."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from raytemplate import plugins
from raytemplate.code.load import code_in
from raytemplate.engines.ray.data.feeds import Feed, MemoryFeed, StreamFeed, with_validation
from raytemplate.engines.ray.training.context import Assignment, RankContext, Ranks
from raytemplate.errors import PlanError
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import OnEpoch
from raytemplate.execution.standing import Standing, begin, standing
from raytemplate.models.options import Family
from raytemplate.records import codec
from raytemplate.records.fitted import RankRecord, StopReason, WarmStart

SHUFFLE_BUFFER_ROWS = 32_768


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainRequest:
    """Everything requested from Ray Train, as plain values."""

    name: str
    """Id of the run."""
    trainer: str
    """Which of Ray Train's trainers to use, such as "torch"."""
    loop: str
    """The loop's function, as "module:attr"."""
    family: str
    """The model family."""
    model: Mapping[str, Any]
    """The model's options."""
    assignment: Assignment
    """The work of the loop."""
    num_workers: int
    """Workers; 0 trains in this process."""
    least_workers: int
    """Workers to make do with if the cluster has no room for more; equal to `num_workers` if all are needed."""
    max_failures: int
    """How often lost workers are restarted."""
    resources: Mapping[str, float]
    """Ray resources that each worker holds."""
    use_gpu: bool
    """Whether workers compute on GPUs."""
    storage: Path
    """Folder in which Ray Train keeps its files."""
    epochs_file: Path
    """The journal's file of epochs."""
    code: Path
    """The run's copy of the project's code."""
    with_validation: bool = False
    """Whether to train on the rows of validation too."""


def run_rank(config: dict[str, Any]) -> None:
    """Train on one rank. Runs on every worker."""
    import ray.train

    request: TrainRequest = config["request"]
    ranks = WorkerRanks(request.trainer)
    shards = {} if config["refs"] else {name: ray.train.get_dataset_shard(name) for name in ("train", "validation")}
    journal = Journal(request.epochs_file.parent)
    feed = feed_of(request, config["refs"], shards, ranks)
    stopped, record = run_loop(request, feed, ranks, journal.add_epoch)
    path = request.storage / f"rank-{ranks.rank}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"stopped": stopped, "record": codec.encode(record)}))
    ray.train.report({"rank": ranks.rank})


def refuse_unseen(folder: Path) -> None:
    """Refuse a node that does not see the run's folder: one that joined later was not checked (`execution.preflight`).

    Args:
        folder: the run's folder.

    Raises:
        PlanError: the folder is missing; names this node.
    """
    if not folder.is_dir():
        node = ray.util.get_node_ip_address()
        raise PlanError(
            f"node {node} ({socket.gethostname()}): {folder} is not there",
            next_step="let every node see that folder under the same path, or end that node, then "
            f"raytemplate resume {folder.name}",
        )


def run_loop(
    request: TrainRequest,
    feed: Feed,
    ranks: Ranks,
    on_epoch: OnEpoch,
    goes_on: Callable[[], bool] = lambda: True,
) -> tuple[StopReason, RankRecord]:
    """Run the family's loop on one rank. Returns why it stopped, and the rank's record."""
    refuse_unseen(request.code.parent)
    family: Family = plugins.load(plugins.FAMILIES, request.family)
    journal = Journal(request.epochs_file.parent)

    def say(problem: str) -> None:
        journal.write(replace(journal.need(WarmStart), problem=problem))

    stands = _stands(journal, ranks)
    if stopped := request.assignment.over(stands):
        return stopped, RankRecord(rank=ranks.rank, num_rows=0, weights_sha256="")
    context = RankContext(request.assignment, feed, ranks, on_epoch, say, goes_on, stands)
    options = family.options.model_validate(request.model)
    with code_in(request.code):
        plugins.resolve(request.loop)(context, options, request.assignment.training)
    record = context.record or RankRecord(rank=ranks.rank, num_rows=0, weights_sha256="")
    return context.stopped, record


def _stands(journal: Journal, ranks: Ranks) -> Standing:
    """The progress of training, the same on every rank: all resume from the checkpoint that rank 0 found."""
    found = begin(journal, num_workers=ranks.num_ranks) if ranks.rank == 0 else None
    newest = ranks.first((found.checkpoint.folder.name if found.checkpoint else "") if found else None)
    return found or standing(journal, newest=newest)


def feed_of(request: TrainRequest, refs: Mapping[str, Any], shards: Mapping[str, Any], ranks: Ranks) -> Feed:
    """The rows of one rank: from arrays in the object store if there are `refs`, otherwise from its shards."""
    seed, layout = request.assignment.training.seed, request.assignment.layout
    if refs:
        arrays: dict[str, Mapping[str, NDArray[Any]]] = {w: ray.get(refs[w]) for w in ("train", "validation")}
        arrays = with_validation(arrays) if request.with_validation else arrays
        return MemoryFeed(arrays, rank=ranks.rank, num_ranks=ranks.num_ranks, seed=seed, layout=layout)
    widths = (len(layout.dense) - (0 if layout.missing_as_nan else len(layout.gaps)), len(layout.codes))
    return StreamFeed(
        shards,
        widths=widths,
        layout=layout,
        num_ranks=ranks.num_ranks,
        seed=seed,
        buffer_rows=SHUFFLE_BUFFER_ROWS,
        total=ranks.total,
    )


def held_device() -> str:
    """The device for this process: the GPU that Ray assigned to it, the only one it sees, or the CPU if none."""
    return "cuda:0" if ray.get_gpu_ids() else "cpu"


class WorkerRanks(Ranks):
    """Ranks of a Ray Train worker group."""

    def __init__(self, trainer: str) -> None:
        import ray.train  # takes half a second, and trials of a single process do not need it

        context = ray.train.get_context()
        self.rank, self.num_ranks = context.get_world_rank(), context.get_world_size()
        self._torch = trainer == "torch"

    def total(self, number: int) -> int:
        if self.num_ranks == 1:
            return number
        import torch
        import torch.distributed
        from ray.train.torch import get_device

        value = torch.tensor([number], device=get_device())
        torch.distributed.all_reduce(value)
        return int(value)

    def first(self, said: Any) -> Any:
        if self.num_ranks == 1:
            return said
        from ray.train.collective import broadcast_from_rank_zero

        return broadcast_from_rank_zero(said)

    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.num_ranks == 1:
            return values
        import torch
        import torch.distributed
        from ray.train.torch import get_device

        total = torch.tensor(values, device=get_device())
        torch.distributed.all_reduce(total)
        return total.cpu().numpy()

    def agree(self, yes: bool) -> bool:
        if self.num_ranks == 1:
            return yes
        if self._torch:
            return self.total(int(yes) if self.rank == 0 else 0) > 0
        return bool(self.first(yes))

    def wrap(self, model: Any) -> Any:
        import torch
        from ray.train.torch import prepare_model

        return prepare_model(model, move_to_device=torch.device(self.device()))

    def device(self) -> str:
        if not self._torch:
            return held_device()
        from ray.train.torch import get_device

        return str(get_device())

    def network(self) -> dict[str, Any]:
        from ray.train.lightgbm import get_network_params

        return dict(get_network_params())
