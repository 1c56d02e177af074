"""Trains in a separate process on this machine, for runs whose own process must not be ended, such as a notebook's.

A project's code may catch every exception, or hold the interpreter lock: the separate process can still be killed.
"""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raytemplate.budget import Meter
from raytemplate.engines.ray.data.ingest import OpenData
from raytemplate.engines.ray.training.beside import beside, ends_of
from raytemplate.engines.ray.training.context import Ranks
from raytemplate.engines.ray.training.rank import TrainRequest, feed_of, run_loop
from raytemplate.errors import BudgetSpent
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import OnEpoch
from raytemplate.records.fitted import RankRecord, StopReason

_POLL_S = 0.2


class LoopProcess:
    """The separate process. It trains once, with as many threads as the asking process would have used."""

    def __init__(self, num_threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(num_threads)  # Ray has set it to the CPUs that the actor requests

    def train(
        self, request: TrainRequest, refs: Mapping[str, Any], streams: Mapping[str, Any]
    ) -> tuple[StopReason, RankRecord]:
        """Run the family's loop, and write its epochs to the run's journal."""
        journal = Journal(request.epochs_file.parent)
        return run_loop(request, feed_of(request, refs, streams, Ranks()), Ranks(), journal.add_epoch)


def train_apart(
    request: TrainRequest, data: OpenData, journal: Journal, on_epoch: OnEpoch, meter: Meter
) -> tuple[StopReason, tuple[RankRecord, ...]]:
    """Train as in this process, but in a separate one.

    Raises:
        BudgetSpent: time ran out, and there is no checkpoint.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote
    actor = remote(max_restarts=0, num_cpus=0, scheduling_strategy=here)(LoopProcess).remote(_num_threads())
    found: list[tuple[StopReason, RankRecord]] = []
    ends = ends_of(meter)

    def work() -> None:
        streams = {name: dataset.iterator() for name, dataset in data.streams.items()}
        trained = actor.train.remote(request, dict(data.refs), streams)
        while not ray.wait([trained], timeout=_POLL_S)[0]:
            if time.monotonic() > ends.told:
                raise BudgetSpent("the budget has ended")
        found.append(ray.get(trained))

    try:
        ended = beside(work, ends, journal, on_epoch, meter)
    finally:
        _end(actor)
    return (found[0][0], (found[0][1],)) if ended else ("budget.time", ())


def _end(actor: Any) -> None:
    try:
        ray.kill(actor)
    except RayError:  # it has ended already
        return


def _num_threads() -> int:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else len(os.sched_getaffinity(0))
