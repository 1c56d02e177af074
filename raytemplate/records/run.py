"""One execution of a plan, from its start to its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StageName = Literal["start", "ingest", "sweep", "fit", "evaluate", "govern", "promote"]
"""What a run's time is told by: the stages of its plan, and what comes before the first."""
State = Literal["running", "approved", "held", "rejected", "unchanged", "shown", "failed", "unfinished"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStart:
    """Written once when a run begins."""

    run_id: str
    name: str
    version: str
    plan_id: str
    template: str
    as_of: datetime
    started: datetime
    planned_s: float
    host: str
    user: str
    address: str = ""
    """The Ray it was told to use; "" for one of its own."""
    planned_usd: float = 0.0
    variant: str = "standard"
    moved_from: tuple[str, ...] = ()
    """The Rays it used before `resume --address`, the earliest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One process that worked on a run: its time counts against the run's budget, whatever became of it.

    What it spent is brought up to date while it runs, and charged until the next time that is due: a killed process is
    charged up to half a second too much, and never too little.
    """

    started: datetime
    seen_s: float
    seen_usd: float = 0.0
    usd_per_s: float = 0.0
    """US dollars a second of all that it held then: what its watchdog saw besides is charged at that."""
    earlier_s: float | None = None
    """Seconds that the run had spent before it; None in records of earlier versions."""
    earlier_usd: float = 0.0
    """US dollars that the run had spent before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageTiming:
    """Seconds one stage took, planned and actual, for so much work (rows, or rows x epochs)."""

    stage: StageName
    work: float
    planned_s: float
    actual_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnd:
    """Written once when a run ends, well or not. A run without it is unfinished and can be resumed."""

    state: State
    exit_code: int
    ended: datetime
    wall_clock_s: float
    cost_usd: float
    family: str
    timings: tuple[StageTiming, ...]
    message: str = ""
    timeline_s: Mapping[str, float] | None = None
    trouble: str = ""
    """Of a failed run: whose trouble it is, one of `errors.Trouble`."""
    retry: str = ""
    """Of a failed run: whether the same may succeed, one of `errors.Retry`."""
