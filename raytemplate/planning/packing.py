"""How many workers, and whether they fit: per node, never against totals, with room left for ingest."""

from __future__ import annotations

from raytemplate.errors import PlanError
from raytemplate.planning.inventory import Cluster, Node
from raytemplate.spec.schema import PerWorkerSpec
from raytemplate.units import show_bytes

_INGEST_CPUS = 1.0


def fitting_workers(cluster: Cluster, worker: PerWorkerSpec, *, ingest_cpus: float) -> int:
    """How many such workers fit at once, node by node, with `ingest_cpus` left on one node."""
    spare = max((_on_node(n, worker, ingest_cpus) - _on_node(n, worker, 0.0) for n in cluster.nodes), default=0)
    return sum(_on_node(n, worker, 0.0) for n in cluster.nodes) + spare


def _on_node(node: Node, worker: PerWorkerSpec, reserved_cpus: float) -> int:
    counts = [int((node.cpus - reserved_cpus + 1e-9) / worker.cpus)]
    if worker.gpus:
        counts.append(int((node.gpus + 1e-9) / worker.gpus))
    if worker.memory:
        counts.append(node.memory_bytes // worker.memory)
    return max(0, min(counts))


def check_fits(cluster: Cluster, worker: PerWorkerSpec, workers: int, *, stream: bool) -> None:
    """Refuse what would wait for ever.

    Raises:
        PlanError: what was asked, what there is, what to change.
    """
    if workers == 0:
        if worker.gpus:
            raise PlanError(
                "resources.workers is 0: this process trains without a GPU, and resources.per_worker.gpus asks for one",
                next_step="set resources.workers: 1",
            )
        return
    asked = f"{workers} worker{'s' if workers != 1 else ''} of {_bundle(worker)}"
    there = ", ".join(_describe(n) for n in cluster.nodes[:3]) + (" ..." if len(cluster.nodes) > 3 else "")
    if fitting_workers(cluster, worker, ingest_cpus=0.0) == 0:
        raise PlanError(f"one worker of {_bundle(worker)} fits no node; there is {there}",
                        next_step="make resources.per_worker smaller")  # fmt: skip
    if (most := fitting_workers(cluster, worker, ingest_cpus=0.0)) < workers:
        raise PlanError(f"{asked} do not fit; there is {there}", next_step=f"set resources.workers: {most} or fewer")
    if stream and (most := fitting_workers(cluster, worker, ingest_cpus=_INGEST_CPUS)) < workers:
        smaller = (cluster.cpus - _INGEST_CPUS) / workers
        advice = [f"resources.workers: {most}"] if most else []
        advice += [f"resources.per_worker.cpus: {smaller:.2g}"] if smaller > 0 else []
        raise PlanError(
            f"{asked} would hold every CPU while Ray Data, which streams to them, waits for one for ever; "
            f"there is {there}",
            next_step=f"leave {_INGEST_CPUS:.0f} CPU for ingest: set {' or '.join(advice)} or data.ingest: memory",
        )


def _bundle(worker: PerWorkerSpec) -> str:
    parts = [f"{worker.cpus:g} CPU"]
    parts += [f"{worker.gpus:g} GPU"] if worker.gpus else []
    parts += [show_bytes(worker.memory)] if worker.memory else []
    return " and ".join(parts)


def _describe(node: Node) -> str:
    gpus = f"{node.gpus:g} GPU" if node.gpus else "no GPU"
    return f"{node.name} with {node.cpus:g} CPUs, {show_bytes(node.memory_bytes)}, {gpus}"
