"""How many workers Ray Train starts: as many as planned, and after a loss as many of them as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ray._private.state import state
from ray.train import ScalingConfig
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy, ResizeDecision

Nodes = Callable[[bool], Iterable[Mapping[str, float]]]
"""What nodes have, or what of it is free."""
_STEPS = 10_000  # Ray counts resources in ten thousandths


class RoomPolicy(FixedScalingPolicy):
    """Ray Train's own policy for a range ends workers that train to go on with more, asks Ray Data how much it leaves
    and waits for ever if that is too little. This one asks only when workers are to be started.

    Args:
        least: workers that suffice.
        nodes: told whether to give what is free, or all there is.
    """

    def __init__(self, scaling_config: ScalingConfig, least: int, nodes: Nodes | None = None) -> None:
        super().__init__(scaling_config)
        self._least, self._nodes = least, nodes or _nodes
        self._trained, self._tries = False, 0

    def make_decision_for_non_running_worker_group(self) -> ResizeDecision:
        """See `ScalingPolicy`: asked before workers are started, and again whenever there was no room for them."""
        self._maybe_send_resource_request()
        each: dict[str, Any] = dict(self.scaling_config._resources_per_worker_not_none)  # pyright: ignore[reportPrivateUsage]
        number = planned = self.scaling_config.max_workers
        if self._trained or self._tries:
            # What the lost workers held is still held at the first try, and free at the others.
            number = max(self._least, min(planned, room(self._nodes(self._tries > 0), each)))
        self._tries += 1
        return ResizeDecision(num_workers=number, resources_per_worker=each)

    def make_decision_for_running_worker_group(self, *arguments: Any, **named: Any) -> Any:
        """See `ScalingPolicy`: workers that train are left alone."""
        self._trained, self._tries = True, 0
        return super().make_decision_for_running_worker_group(*arguments, **named)


def room(nodes: Iterable[Mapping[str, float]], each: Mapping[str, float]) -> int:
    """Workers that fit on these nodes, given what is there on each and what one worker holds."""
    needed = {name: round(amount * _STEPS) for name, amount in each.items() if amount}
    return sum(
        min(round(node.get(name, 0.0) * _STEPS) // amount for name, amount in needed.items()) for node in nodes
    )  # fmt: skip


def has_room(number: int, each: Mapping[str, float]) -> bool:
    """Whether so many workers that hold this could be started now."""
    return room(_nodes(True), each) >= number


def _nodes(free: bool) -> list[Mapping[str, float]]:
    """What nodes have, or have free: those that live and are not about to be taken away."""
    draining = state.get_draining_nodes()
    there = state.available_resources_per_node() if free else state.total_resources_per_node()
    return [resources for node, resources in there.items() if node not in draining]
