"""What a run reserves and what that costs an hour, whether it is used or not."""

import math
from dataclasses import dataclass

from raytemplate.errors import PlanError
from raytemplate.planning.inventory import Cluster
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import PriceSpec, PricesSpec, TemplateSpec

_HOUR_S = 3600.0
_DRIVER_CPUS = 1.0
"""CPUs charged for the process that conducts a run; Ray reserves none for it."""
_HOW = "{per_hour: 0.05 USD, source: where it is published, date: 2026-01-31}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What the stages of a run reserve in addition to its own process."""

    workers: int
    """Training workers at once."""

    cpus: float
    """CPUs of one worker or one process of a trial."""

    gpus: float
    """GPUs of one worker or one process of a trial."""

    accelerator: str
    """GPU type that these require; "" accepts any."""

    trials: int
    """Processes of all trials at once; 0 without a sweep."""

    reads: int
    """Read tasks of ingest, each of which holds a CPU while it runs."""

    stream: bool
    """Whether data is read again during training and scoring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """What a run is charged."""

    always: float
    """US dollars a second from the command to the end."""

    stages: Settings
    """Stage -> US dollars a second in addition while it is running."""

    basis: str
    """How the run is charged, in words."""

    prices: Settings
    """The prices that apply, each with its source and date."""


def rates_of(spec: TemplateSpec, cluster: Cluster, held: Held) -> Rates:
    """The rates at which a run is charged.

    A price by node type is charged for every node of the cluster, since Ray may put work on any of them. Prices of CPU
    and GPU hours are charged for what is reserved. Without either, a cluster on this machine costs what it costs.

    Raises:
        PlanError: a price is missing for something the run would hold, or the cost is limited and no price is known.
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
            "budget.cost is set, but no price is given for this cluster",
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
        named = " and ".join(kind or "nodes without a type in Ray" for kind in unknown)
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
        # If the template names no type, Ray may choose any: the most expensive is charged.
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
