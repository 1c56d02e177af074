"""A run whose work a cluster does: where it was sent, and what the cluster says it took."""

from collections.abc import Mapping
from dataclasses import dataclass

from raytemplate.records.run import StageTiming


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedJob:
    """Where the work was sent. Written before it is sent, so that nothing is sent and forgotten.

    `storage` is the folder that both sides see; `key` makes one job of the same plan sent twice, "" where none was
    given; `attempt` counts from 1.
    """

    address: str
    submission_id: str
    storage: str
    key: str
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterWork:
    """Written by the cluster when its last stage ended. What was spent counts from the command, waiting included."""

    timings: tuple[StageTiming, ...]
    timeline_s: Mapping[str, float]
    elapsed_s: float
    spent_usd: float = 0.0
