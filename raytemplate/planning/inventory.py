"""What exists before anything starts: machines, source files, workspace. Plain data, filled by `look`."""

from dataclasses import dataclass, field
from datetime import datetime

from raytemplate.code.files import CodeRef
from raytemplate.data.features.fitted import FeatureSet
from raytemplate.data.schema_changes import Schema
from raytemplate.data.sources.listing import SourceTable
from raytemplate.records.codec import Settings
from raytemplate.records.run import StageName


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One machine."""

    name: str

    cpus: float
    """CPUs that Ray may use on it."""

    gpus: float
    """GPUs that Ray may use on it."""

    memory_bytes: int
    """Memory in bytes."""

    accelerator: str = ""
    """Type of its GPUs, such as "A100"; "" if unknown."""

    object_store_bytes: int = 0
    """Size of its object store in bytes; 0 if the run chooses it."""

    kind: str = ""
    """Type of the machine; "" if Ray knows none."""

    here: bool = False
    """Whether the command was typed on this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The machines a run may use."""

    nodes: tuple[Node, ...]

    local: bool = True
    """Whether the run starts a Ray of its own on this machine; otherwise it uses the one at `address`."""

    address: str = ""
    """Address of the running cluster; "" if `local`."""

    grows: bool = False
    """Whether the cluster starts more nodes on demand."""

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
    """How long one stage of an earlier run took."""

    stage: StageName

    family: str
    """Model family of the run."""

    work: float
    """Amount of work done: rows; for fit rows x epochs."""

    seconds: float
    """Seconds it took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Champion:
    """The head of the model, with what its champion's files and run records add."""

    version: int
    """Version of the registered model."""

    digest: str
    """Digest of the model's files in the content store."""

    term: int
    """The ledger's counter for this model."""

    columns: tuple[str, ...]
    """Columns the champion needs to score a row."""

    run_id: str
    """Run that made the champion."""

    seen_until: datetime
    """Moment up to which the champion has seen data."""

    split: str = ""
    """Id of its split by hash; "" without one."""

    family: str = ""
    """Its model family; "" if its files are gone or damaged."""

    made_from: str = ""
    """What it was made from (see `planning.made_from`); "" if its run's records are gone or damaged."""

    other_key: bool = False
    """Whether it was trained on values hashed with another key than the one on this machine, if there is one."""

    schema: tuple[tuple[str, str], ...] = ()
    """(column, Arrow type) of the data that it was trained on, in order; empty if its run did not record them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """The cluster, the sources and the workspace at one moment."""

    now: datetime
    """That moment."""

    cluster: Cluster

    source: SourceTable
    """The files, with their slices, columns and times."""

    champion: Champion | None
    """The champion; None before the first promotion."""

    history: tuple[Timing, ...]
    """Timings of earlier runs of the template, oldest first."""

    winners: tuple[Settings, ...] = ()
    """Values that won earlier sweeps of the template and variant, newest first."""

    code: CodeRef = field(default_factory=CodeRef)
    """The user's own code."""

    num_classes: int = 0
    """Classes of the target seen in a few slices; 0 if unknown."""

    taken: FeatureSet | None = None
    """The feature set that the template takes; None if it takes none."""

    taken_versions: tuple[tuple[int, datetime], ...] = ()
    """(version, moment up to which it has seen data) of the sets of that model, newest first."""

    @property
    def splits(self) -> tuple[tuple[str, Schema], ...]:
        """The id of the champion's split by hash and the columns of its data, then those of the feature set that is
        taken; no columns if they are not recorded."""
        champion = ((self.champion.split, self.champion.schema),) if self.champion else ()
        return champion + (((self.taken.split, ()),) if self.taken else ())
