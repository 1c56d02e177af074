"""What training hands on: the epochs, the candidate and what it used."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from raytemplate.records.codec import Settings

StopReason = Literal["epochs", "early stopping", "budget.time", "budget.cost"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What was held, for how long, and what it cost. CPU seconds are CPUs held x wall clock."""

    wall_clock_s: float
    cpu_s: float
    gpu_s: float = 0.0
    cost_usd: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """One epoch (for trees: boosting round) of training, as rank 0 saw it. Loss and metric are over all ranks.

    `also`: other metrics on the validation window, where a sweep compares by them.
    """

    epoch: int
    train_loss: float
    validation: float
    num_rows: int
    loop_s: float
    wall_clock_s: float
    checkpoint: str = ""
    also: Settings = field(default_factory=Settings)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingStart:
    """Workers began to train: for the first time, resumed by a person, or again after some were lost."""

    at: datetime
    from_epoch: int
    """The epoch after which they began: what the newest good checkpoint held."""
    num_workers: int
    """Ranks of the group; 1 for a training in one process."""
    num_told: int
    """Epochs that had been told of before, whether the checkpoint held them or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkersLost:
    """Workers of a training were lost, or their machine was taken away; others are started in their place."""

    at: datetime
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """Training that was started again because workers were lost."""

    at: datetime
    """When the loss was noticed."""
    why: str
    """What was lost, in a sentence."""
    from_epoch: int
    """The epoch after which training went on; 0 if it began anew."""
    num_workers: int
    """Workers that went on: fewer than before if the cluster had room for no more. 0 if none were found."""

    @property
    def short(self) -> str:
        """What was lost, without the words of a library."""
        return self.why.partition(": ")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankRecord:
    """What one worker did: rows of one epoch, and the digest of its weights at the end (empty for trees)."""

    rank: int
    num_rows: int
    weights_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A model that a run produced.

    `digest` is that of its manifest in the workspace's store, `weights_sha256` that of its weights alone.
    """

    digest: str
    family: str
    weights_sha256: str
    epoch: int
    metric: str
    validation: float
    settings: Settings
    plan_id: str
    snapshot: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStart:
    """The champion whose weights training was to begin with; `problem` says why it did not, "" where it did."""

    version: int = 0
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitResult:
    """Training that ended with a candidate. `stopped` says why, where it is a budget by its field; `step` is what its
    epochs are called: "epoch" or "round"; `warm_start` is None where none was asked."""

    candidate: Candidate
    epochs: tuple[EpochRecord, ...]
    ranks: tuple[RankRecord, ...]
    stopped: StopReason
    resumed_from_epoch: int
    rows_per_s: float
    usage: Usage
    engine: str
    step: str = "epoch"
    warm_start: WarmStart | None = None
    restarts: tuple[Restart, ...] = ()
    """How often and why it was started again because workers were lost."""
    unfinished: tuple[str, ...] = ()
    """What suggests that more training or a wider search would have been better, each with the field to raise."""
