"""Decides how many workers Ray Train starts: as many as planned, and after a loss as many as there is room for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import ray
from ray.train import ScalingConfig

from raytemplate.engines.ray.private.switch import found

Nodes = Callable[[bool], Iterable[Mapping[str, float]]]
"""Gives the resources of each node: only the free ones if called with True, otherwise all."""
_STEPS = 10_000  # Ray counts resources in ten thousandths
_NEVER_S = 1e9
POLICY = "ray.train.v2._internal.execution.scaling_policy:FixedScalingPolicy"


def fitting(kind: Any, settings: Mapping[str, Any], least: int) -> Any:
    """A Ray Train trainer of that class, which makes do with fewer workers after a loss if there is no room for more.

    Without private parts it uses Ray's own range of workers, which may also begin with fewer, and waits without limit
    if there is no room.

    Args:
        kind: the trainer class.
        settings: its arguments.
        least: the fewest workers.
    """
    scaling = settings["scaling_config"]
    parts = found(POLICY, "ray.train.v2.api.data_parallel_trainer:DataParallelTrainer._initialize_and_run_controller")
    if parts is None:
        numbers = scaling.num_workers if least == scaling.num_workers else (least, scaling.num_workers)
        ranged = replace(scaling, num_workers=numbers, elastic_resize_monitor_interval_s=_NEVER_S)
        return kind(**{**settings, "scaling_config": ranged})

    class Fitting(kind):
        def _initialize_and_run_controller(self, **given: Any) -> Any:
            policy = room_policy(parts[0])(scaling, least)
            return super()._initialize_and_run_controller(**{**given, "scaling_policy": policy})

    return Fitting(**settings)


def room_policy(fixed: Any) -> Any:
    """Ray Train's policy for a fixed number of workers, except that the number may change once some were lost."""

    class RoomPolicy(fixed):
        """Decides on a number only when workers are about to be started.

        Ray Train's own policy for a range would end workers that train in order to continue with more, ask Ray Data how
        many resources it leaves, and wait forever if these are too few.

        Args:
            least: the fewest workers.
            nodes: see `Nodes`.
        """

        def __init__(self, scaling_config: ScalingConfig, least: int, nodes: Nodes | None = None) -> None:
            super().__init__(scaling_config)
            self._least, self._nodes = least, nodes or _nodes
            self._trained, self._tries = False, 0

        def make_decision_for_non_running_worker_group(self) -> Any:
            """See `ScalingPolicy`: asked before workers are started, and again whenever there was no room for them."""
            planned = super().make_decision_for_non_running_worker_group()
            number = planned.num_workers
            if self._trained or self._tries:
                # Resources of the lost workers are still taken at the first try, and free at later ones.
                fits = room(self._nodes(self._tries > 0), planned.resources_per_worker)
                number = max(self._least, min(number, fits))
            self._tries += 1
            return replace(planned, num_workers=number)

        def make_decision_for_running_worker_group(self, *arguments: Any, **named: Any) -> Any:
            """See `ScalingPolicy`: workers that train are left alone."""
            self._trained, self._tries = True, 0
            return super().make_decision_for_running_worker_group(*arguments, **named)

    return RoomPolicy


def room(nodes: Iterable[Mapping[str, float]], each: Mapping[str, float]) -> int:
    """The number of workers that fit on these nodes, given the resources of each node and of one worker."""
    needed = {name: round(amount * _STEPS) for name, amount in each.items() if amount}
    return sum(min(round(node.get(name, 0.0) * _STEPS) // amount for name, amount in needed.items()) for node in nodes)


def _nodes(free: bool) -> list[Mapping[str, float]]:
    """Total or free resources of each node that is alive and not about to be taken away.

    Only private parts tell what is free on each node; without them, all free resources count as one node's.
    """
    if (parts := found("ray._private.state:state")) is None:
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return [ray.available_resources()] if free else alive
    (state,) = parts
    draining = state.get_draining_nodes()
    there = state.available_resources_per_node() if free else state.total_resources_per_node()
    return [resources for node, resources in there.items() if node not in draining]
