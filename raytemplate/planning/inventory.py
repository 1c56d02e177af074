"""What there is before anything starts: machines, source files, workspace. Plain data, taken by `look`."""

from dataclasses import dataclass, field
from datetime import datetime

from raytemplate.code.files import CodeRef
from raytemplate.data.sources.listing import SourceTable
from raytemplate.records.codec import Settings
from raytemplate.records.run import StageName


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One machine. Memory in bytes.

    `accelerator` is the type of its GPUs, such as "A100"; `object_store_bytes` is 0 where the run chooses it; `kind` is
    the type of the machine where Ray knows one; `here` says that it is the machine the command was typed on.
    """

    name: str
    cpus: float
    gpus: float
    memory_bytes: int
    accelerator: str = ""
    object_store_bytes: int = 0
    kind: str = ""
    here: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The machines a run may use. `local` is this machine, with a Ray that the run starts itself; else `address`.

    `grows` says that more nodes start where they are asked for.
    """

    nodes: tuple[Node, ...]
    local: bool = True
    address: str = ""
    grows: bool = False

    @property
    def cpus(self) -> float:
        """CPUs of all nodes."""
        return sum(n.cpus for n in self.nodes)

    @property
    def memory_bytes(self) -> int:
        """Memory of all nodes."""
        return sum(n.memory_bytes for n in self.nodes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What one earlier stage took: the work it did (rows, row-epochs) and its seconds."""

    stage: StageName
    family: str
    work: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Champion:
    """The head of the model, with the columns its champion needs to score a row.

    `made_from` is that of its run's plan, see `planning.made_from`; "" where nobody knows it any more.
    """

    version: int
    digest: str
    term: int
    columns: tuple[str, ...]
    run_id: str
    seen_until: datetime
    split: str = ""
    family: str = ""
    made_from: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """The cluster, the sources and the workspace at one moment, and what "now" is.

    `winners` are the values that won earlier sweeps of the template and variant, the newest first; `num_classes` are
    those of the target as far as they were seen, 0 where nobody knows.
    """

    now: datetime
    cluster: Cluster
    source: SourceTable
    champion: Champion | None
    history: tuple[Timing, ...]
    winners: tuple[Settings, ...] = ()
    code: CodeRef = field(default_factory=CodeRef)
    num_classes: int = 0
