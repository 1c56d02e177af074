"""Records of a run whose work a cluster does: where it was sent, and what the cluster reports it took."""

from collections.abc import Mapping
from dataclasses import dataclass

from raytemplate.records.run import StageTiming


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedJob:
    """Where the work was sent. Written before it is sent, so that nothing is sent and forgotten."""

    address: str
    """Address of the cluster's Jobs API."""

    submission_id: str
    """Ray's id of the job."""

    storage: str
    """Folder or URI that both sides see."""

    key: str
    """Key that makes one job of the same plan sent twice; "" if none was given."""

    attempt: int
    """Number of the attempt, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterWork:
    """Written by the cluster when its last stage ended. Time and cost count from the command, waiting included."""

    timings: tuple[StageTiming, ...]

    timeline_s: Mapping[str, float]
    """Stage -> seconds of the run when it ended."""

    elapsed_s: float
    """Seconds of the run so far."""

    spent_usd: float = 0.0
    """US dollars of the run so far."""

    image: str = ""
    """The container image of the job's process, as RAYTEMPLATE_IMAGE told it; "" if it did not."""
