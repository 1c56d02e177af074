"""How many workers fit: node by node, never against totals, with room left for ingest."""

from raytemplate.errors import PlanError
from raytemplate.planning.inventory import Cluster, Node
from raytemplate.spec.schema import PerWorkerSpec
from raytemplate.units import show_bytes

INGEST_CPUS = 1.0
"""CPUs Ray Data needs in order to make progress while workers train from its stream: each task holds a whole CPU."""
_STEPS = 10_000  # Ray counts resources in ten thousandths


def fitting_workers(cluster: Cluster, worker: PerWorkerSpec, *, ingest_cpus: float) -> int:
    """How many workers of this size fit at once, node by node, with `ingest_cpus` left on one node."""
    most = sum(_on_node(n, worker, 0.0) for n in cluster.nodes)
    if not ingest_cpus:
        return most
    lost = [_on_node(n, worker, 0.0) - _on_node(n, worker, ingest_cpus) for n in cluster.nodes if n.cpus >= ingest_cpus]
    return most - min(lost) if lost else 0


def _on_node(node: Node, worker: PerWorkerSpec, reserved_cpus: float) -> int:
    if worker.accelerator and node.accelerator != worker.accelerator:
        return 0
    counts = [_steps(node.cpus - reserved_cpus) // max(1, _steps(worker.cpus))]
    if worker.gpus:
        counts.append(_gpu_shares(node.gpus, worker.gpus))
    if worker.memory:
        counts.append(node.memory_bytes // worker.memory)
    return max(0, min(counts))


def _gpu_shares(there: float, asked: float) -> int:
    """How many workers the GPUs are enough for. A fraction is a share of one GPU and cannot be split over two."""
    if asked >= 1:
        return int(there) // int(asked)
    return int(there) * (_STEPS // max(1, _steps(asked)))


def _steps(amount: float) -> int:
    return round(amount * _STEPS)


def check_fits(cluster: Cluster, worker: PerWorkerSpec, workers: int, *, stream: bool) -> None:
    """Refuse a request that Ray would leave waiting for ever.

    Raises:
        PlanError: names what was asked for, what exists and what to change.
    """
    _check_sense(cluster, worker)
    if workers == 0:
        if worker.gpus:
            raise PlanError(
                "resources.workers is 0: this process trains without a GPU, and resources.per_worker.gpus asks for one",
                next_step="set resources.workers: 1",
            )
        _check_one_fits(cluster, worker)
        return
    asked = f"{workers} worker{'s' if workers != 1 else ''} of {_bundle(worker)}"
    there = _there(cluster)
    _check_one_fits(cluster, worker)
    if (most := fitting_workers(cluster, worker, ingest_cpus=0.0)) < workers:
        raise PlanError(f"{asked} do not fit; there is {there}", next_step=f"set resources.workers: {most} or fewer")
    if stream and (most := fitting_workers(cluster, worker, ingest_cpus=INGEST_CPUS)) < workers:
        smaller = (cluster.cpus - INGEST_CPUS) / workers
        advice = [f"resources.workers: {most}"] if most else []
        advice += [f"resources.per_worker.cpus: {smaller:.2g}"] if smaller > 0 else []
        raise PlanError(
            f"{asked} would hold every CPU while Ray Data, which streams to them, waits for one for ever; "
            f"there is {there}",
            next_step=f"leave {INGEST_CPUS:.0f} CPU for ingest: set {' or '.join(advice)} or data.ingest: memory",
        )


def _check_one_fits(cluster: Cluster, worker: PerWorkerSpec) -> None:
    if fitting_workers(cluster, worker, ingest_cpus=0.0) == 0:
        raise PlanError(
            f"one worker of {_bundle(worker)} fits no node; there is {_there(cluster)}",
            next_step="make resources.per_worker smaller",
        )


def _there(cluster: Cluster) -> str:
    return ", ".join(_describe(n) for n in cluster.nodes[:3]) + (" ..." if len(cluster.nodes) > 3 else "")


def _check_sense(cluster: Cluster, worker: PerWorkerSpec) -> None:
    """Refuse settings that no number of workers could satisfy."""
    if worker.gpus > 1 and worker.gpus != int(worker.gpus):
        raise PlanError(
            f"resources.per_worker.gpus is {worker.gpus:g}; Ray hands out parts of one GPU, or whole ones",
            next_step=f"set resources.per_worker.gpus: {int(worker.gpus)} or {int(worker.gpus) + 1}",
        )
    if worker.accelerator and not worker.gpus:
        raise PlanError(
            f"resources.per_worker.accelerator is {worker.accelerator}, and resources.per_worker.gpus is 0",
            next_step="set resources.per_worker.gpus: 1",
        )
    if max((n.cpus for n in cluster.nodes), default=0.0) < INGEST_CPUS:
        raise PlanError(
            "no node has a whole CPU, and Ray Data reads with one: it would wait for ever",
            next_step="start a node with --num-cpus=1 or more",
        )


def _bundle(worker: PerWorkerSpec) -> str:
    parts = [f"{worker.cpus:g} CPU"]
    parts += [f"{worker.gpus:g} {worker.accelerator or 'GPU'}"] if worker.gpus else []
    parts += [show_bytes(worker.memory)] if worker.memory else []
    return " and ".join(parts)


def _describe(node: Node) -> str:
    gpus = f"{node.gpus:g} {node.accelerator or 'GPU'}" if node.gpus else "no GPU"
    return f"{node.name} with {node.cpus:g} CPUs, {show_bytes(node.memory_bytes)}, {gpus}"
