"""What a run holds while it runs, and what that costs an hour: reserved, whether it is used or not."""

import math
from dataclasses import dataclass

from raytemplate.errors import PlanError
from raytemplate.planning.inventory import Cluster
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import PriceSpec, PricesSpec, TemplateSpec

_HOUR_S = 3600.0
_DRIVER_CPUS = 1.0
"""The process that conducts a run keeps one CPU busy; Ray reserves none for it."""
_HOW = "{per_hour: 0.05 USD, source: where it stands, date: 2026-01-31}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What the stages of a run reserve besides its own process.

    Args:
        workers: training workers at once; `cpus`, `gpus` and `accelerator` are those of one, or of one trial.
        trials: processes of all trials at once, 0 without a sweep.
        reads: read tasks of ingest, a CPU each while they last.
        stream: whether data is read again while training and scoring.
    """

    workers: int
    cpus: float
    gpus: float
    accelerator: str
    trials: int
    reads: int
    stream: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """US dollars a second: `always` from the command to the end, `stages` besides while that one is worked on.

    `basis` is how it is charged, in words; `prices` are those that count, with where they come from.
    """

    always: float
    stages: Settings
    basis: str
    prices: Settings


def rates_of(spec: TemplateSpec, cluster: Cluster, held: Held) -> Rates:
    """What a run is charged.

    A price of node types is that of whole nodes: of all there are, since Ray may place work on any. Prices of CPU and
    GPU hours are charged for what is reserved. Without any, machines that are this one cost what it costs.

    Raises:
        PlanError: there are prices, and none for something that the run would hold; or none at all, and a limit.
    """
    prices = spec.budget.prices
    if cluster.local:
        return _local(prices)
    here = all(node.here for node in cluster.nodes)
    if prices.node and not (here and any(node.kind not in prices.node for node in cluster.nodes)):
        return _by_node(prices, cluster)
    if prices.cpu is not None:
        return _by_hours(prices, prices.cpu, cluster, held)
    if here:
        return _local(prices)
    if "budget.cost" in spec.origins:
        raise PlanError(
            "budget.cost is set, and nothing says what this cluster costs",
            next_step=f"set budget.prices.cpu: {_HOW}, and budget.prices.gpu by type; or budget.prices.node by type",
        )
    return Rates(always=0.0, stages=Settings(), basis="no price is known", prices=Settings())


def _local(prices: PricesSpec) -> Rates:
    always = prices.local / _HOUR_S
    basis = f"this machine, {prices.local:g} USD an hour" if always else "this machine is free"
    return Rates(always=always, stages=Settings(), basis=basis, prices=Settings({"local": prices.local}))


def _by_node(prices: PricesSpec, cluster: Cluster) -> Rates:
    kinds = [node.kind for node in cluster.nodes]
    unknown = sorted({kind for kind in kinds if kind not in prices.node})
    if unknown:
        named = " and ".join(kind or "nodes that Ray gives no type" for kind in unknown)
        raise PlanError(
            f"budget.prices.node has no price for {named}; it has {', '.join(sorted(prices.node))}",
            next_step=f"set budget.prices.node.{unknown[0] or 'TYPE'}: {_HOW}; a node's type is its Ray label "
            "ray.io/node-group",
        )
    used = {f"node {kind}": prices.node[kind] for kind in kinds}
    always = sum(prices.node[kind].per_hour for kind in kinds) / _HOUR_S
    many = "1 whole node" if len(kinds) == 1 else f"{len(kinds):,} whole nodes"
    return Rates(always=always, stages=Settings(), basis=f"{many}, from the command to the end", prices=_shown(used))


def _by_hours(prices: PricesSpec, cpu: PriceSpec, cluster: Cluster, held: Held) -> Rates:
    used = {"cpu": cpu}
    one = held.cpus * cpu.per_hour
    if held.gpus:
        # Without a type in the template Ray may choose any: the dearest is charged.
        kinds = {held.accelerator} if held.accelerator else {n.accelerator for n in cluster.nodes if n.gpus}
        if unknown := sorted(kinds - prices.gpu.keys()):
            raise PlanError(
                f"budget.prices.gpu has no price for {unknown[0] or 'GPUs of no known type'}",
                next_step=f"set budget.prices.gpu.{unknown[0] or 'TYPE'}: {_HOW}, or resources.per_worker.accelerator",
            )
        used |= {f"gpu {kind}": prices.gpu[kind] for kind in kinds}
        one += held.gpus * max(prices.gpu[kind].per_hour for kind in kinds)
    free_cpus = math.floor(max(0.0, cluster.cpus - held.workers * held.cpus))
    reading = min(math.floor(cluster.cpus), held.reads) * cpu.per_hour
    again = min(free_cpus, held.reads) * cpu.per_hour if held.stream else 0.0
    per_hour = {
        "ingest": reading, "sweep": held.trials * one, "fit": held.workers * one + again,
        "evaluate": reading if held.stream else 0.0,
    }  # fmt: skip
    return Rates(
        always=_DRIVER_CPUS * cpu.per_hour / _HOUR_S,
        stages=Settings({stage: usd / _HOUR_S for stage, usd in per_hour.items() if usd}),
        basis="CPUs and GPUs that it reserves, and one CPU for its own process",
        prices=_shown(used),
    )


def _shown(used: dict[str, PriceSpec]) -> Settings:
    return Settings({name: price.model_dump(mode="json") for name, price in sorted(used.items())})
