"""Collects from every node of a Ray that others started, before anything is read, what `execution.preflight` checks."""

import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from raytemplate.errors import PlanError
from raytemplate.execution.preflight import (
    NodeReport,
    Question,
    Trouble,
    leave_mark,
    packages_of,
    problems,
    question,
    report,
    take_marks,
    to_connect,
    versions,
)
from raytemplate.planning.stages import RunPlan
from raytemplate.store.atomic import storage_errors

_ANSWER_LIMIT_S = 30.0
"""Seconds within which every node must answer; it may have to start a process first."""
_CONNECT_LIMIT_S = 2.0
_NODE_DEAD = f"did not answer within {_ANSWER_LIMIT_S:g} s: it is lost, or one of its folders hangs"


def check_nodes(plan: RunPlan, folder: Path) -> None:
    """Refuse a cluster on which the run would fail later. If this process's node is the only one, nothing is checked.

    Args:
        folder: the run's folder, which every node reads and writes.

    Raises:
        PlanError: lists every problem of every node, and what to do about each.
    """
    nodes = _nodes()
    if not nodes:
        return
    asked = question(plan, folder, secrets.token_hex(6))
    with storage_errors(folder):
        leave_mark(asked.folder, asked.token)
    try:
        reports = _ask(nodes, asked)
    finally:
        unseen = take_marks(asked.folder, asked.token, [address for address, *_ in nodes])
    found = problems(
        plan,
        reports,
        versions(),
        folder=asked.folder,
        unseen=unseen,
        unreached=_unreached(nodes, reports),
        needs=packages_of(plan),
    )
    if found:
        raise PlanError(_told(found), next_step="; ".join(dict.fromkeys(one.remedy for one in found)))


def _told(found: Sequence[Trouble]) -> str:
    return "\n".join([*(f"{one.node}: {one.what}" for one in found), "nothing was read or trained"])


def _nodes() -> list[tuple[str, str, int]]:
    """Address, id and port of every node that can be given work; empty if this process's node is the only one."""
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    alive = [node for node in alive if node["Resources"].get("CPU") or node["Resources"].get("GPU")]
    own = ray.get_runtime_context().get_node_id()
    if [node["NodeID"] for node in alive] == [own]:
        return []
    return [(str(n["NodeManagerAddress"]), str(n["NodeID"]), int(n["NodeManagerPort"])) for n in alive]


def _ask(nodes: Sequence[tuple[str, str, int]], asked: Question) -> list[NodeReport]:
    answers = _on_each(nodes, lambda address: (report, address, asked))
    alive = {address for address, *_ in _nodes()}
    return [
        answer if isinstance(answer, NodeReport) else NodeReport(node=address, error=answer)
        for (address, *_), answer in zip(nodes, answers, strict=True)
        if isinstance(answer, NodeReport) or address in alive  # otherwise the node has gone meanwhile
    ]


def _unreached(nodes: Sequence[tuple[str, str, int]], reports: Sequence[NodeReport]) -> tuple[str, ...]:
    """Nodes that no other node can reach at the address their own name resolves to."""
    ports = {address: port for address, _, port in nodes}
    doubtful = [(address, to, ports[address]) for address, to in to_connect(reports)]
    if not doubtful:
        return ()
    answers = _on_each(nodes, lambda address: (_reached, [one for one in doubtful if one[0] != address]))
    reached = {address for answer in answers if isinstance(answer, list) for address in answer}
    return tuple(address for address, *_ in doubtful if address not in reached)


def _reached(others: Sequence[tuple[str, str, int]]) -> list[str]:
    found: list[str] = []
    for address, to, port in others:
        try:
            socket.create_connection((to, port), timeout=_CONNECT_LIMIT_S).close()
            found.append(address)
        except OSError:
            continue
    return found


def _on_each(nodes: Sequence[tuple[str, str, int]], call: Callable[[str], tuple[Any, ...]]) -> list[Any]:
    """Results of a function run on every node at once; a text with the reason for each node on which it failed."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    refs: list[Any] = []
    for address, node, _ in nodes:
        function, *arguments = call(address)
        there: Any = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        asking: Any = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(function)
        refs.append(asking.remote(*arguments))
    ready, late = ray.wait(refs, num_returns=len(refs), timeout=_ANSWER_LIMIT_S)
    for ref in late:
        ray.cancel(ref, force=True)
    return [_answer(ref) if ref in ready else _NODE_DEAD for ref in refs]


def _answer(ref: Any) -> Any:
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(ref)
    except RayError as error:  # includes what was raised on the node, and answers that cannot be unpickled here
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"cannot run raytemplate: {lines[-1] if lines else type(error).__name__}"
