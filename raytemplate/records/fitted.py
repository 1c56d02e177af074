"""Records of training: its epochs, the candidate, and the resources used."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from raytemplate.records.codec import Settings

StopReason = Literal["epochs", "early stopping", "budget.time", "budget.cost"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What was held, for how long, and what it cost."""

    wall_clock_s: float
    """Seconds of wall clock."""

    cpu_s: float
    """CPUs held x seconds of wall clock."""

    gpu_s: float = 0.0
    """GPUs held x seconds of wall clock."""

    cost_usd: float = 0.0
    """Cost in US dollars."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """One epoch (for trees: boosting round) of training, as reported by rank 0."""

    epoch: int
    """Number of the epoch, from 1."""

    train_loss: float
    """Training loss over all ranks."""

    validation: float
    """Deciding metric on the validation window, over all ranks."""

    num_rows: int
    """Rows that rank 0 trained on."""

    loop_s: float
    """Seconds of the epoch as the training loop measured them."""

    wall_clock_s: float
    """Seconds from the start of training to the end of the epoch."""

    checkpoint: str = ""
    """Name of its checkpoint; "" if none was kept."""

    also: Settings = field(default_factory=Settings)
    """Further metrics on the validation window, if a sweep compares trials by them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingStart:
    """Workers began to train: for the first time, resumed by a person, or again after some were lost."""

    at: datetime

    from_epoch: int
    """The epoch after which they began, that of the newest good checkpoint."""

    num_workers: int
    """Ranks of the group; 1 if one process trains."""

    num_told: int
    """Epochs that had been reported before, whether or not the checkpoint held them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkersLost:
    """Training workers were lost, or their machine was taken away; others are started to replace them."""

    at: datetime

    why: str
    """What was lost, in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """A restart of training because workers were lost."""

    at: datetime
    """When the loss was noticed."""

    why: str
    """What was lost, in a sentence."""

    from_epoch: int
    """The epoch after which training continued; 0 if it started over."""

    num_workers: int
    """Workers that continued: fewer than before if the cluster had no room for more; 0 if none were found."""

    @property
    def short(self) -> str:
        """What was lost, without a library's message."""
        return self.why.partition(": ")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankRecord:
    """What one worker did."""

    rank: int

    num_rows: int
    """Rows it trained on in one epoch."""

    weights_sha256: str
    """Digest of its weights at the end; "" for trees."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A model that a run produced."""

    digest: str
    """Digest of its manifest in the workspace's content store."""

    family: str
    """Model family."""

    weights_sha256: str
    """Digest of its weights alone."""

    epoch: int
    """Epoch that the weights are from."""

    metric: str
    """Metric that chose the epoch."""

    validation: float
    """That metric on the validation window."""

    settings: Settings
    """Options of the family and of training."""

    plan_id: str
    """Id of the plan that it was made by."""

    snapshot: str
    """Digest of the snapshot that it was trained on."""

    num_bytes: int
    """Size of its files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmStart:
    """The champion whose weights training was to start from."""

    version: int = 0
    """Version of the champion; 0 if there is none."""

    digest: str = ""
    """Digest of the champion's files."""

    problem: str = ""
    """Why training did not start from them; "" if it did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitResult:
    """Training that ended with a candidate."""

    candidate: Candidate

    epochs: tuple[EpochRecord, ...]

    ranks: tuple[RankRecord, ...]

    stopped: StopReason
    """Why training ended; a budget is named by its field."""

    resumed_from_epoch: int
    """The epoch after which the last attempt continued; 0 if it was not resumed."""

    rows_per_s: float
    """Rows a second, over all workers."""

    usage: Usage

    engine: str
    """What trained it, in words."""

    step: str = "epoch"
    """What the family calls one of its epochs, such as "round"."""

    warm_start: WarmStart | None = None
    """The champion it was to start from; None if the template does not ask for that."""

    restarts: tuple[Restart, ...] = ()
    """Restarts because workers were lost."""

    unfinished: tuple[str, ...] = ()
    """Signs that more training or a wider search would have been better, each with the field to raise."""
