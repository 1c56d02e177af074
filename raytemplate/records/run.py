"""One execution of a plan, from its start to its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StageName = Literal["start", "ingest", "sweep", "fit", "evaluate", "govern", "promote"]
"""The stages of a plan, and "start", the time before the first of them."""

State = Literal["running", "approved", "held", "rejected", "unchanged", "shown", "failed", "unfinished"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStart:
    """Written once when a run begins."""

    run_id: str

    name: str
    """Name of the template."""

    version: str
    """Version of the template."""

    plan_id: str

    template: str
    """Path of the template."""

    as_of: datetime
    """The moment the run pretends it is."""

    started: datetime
    """When the run began."""

    planned_s: float
    """Seconds that the plan expects."""

    host: str
    """Machine on which the command was typed."""

    user: str
    """Who typed it."""

    address: str = ""
    """Address of the Ray that it uses; "" for one that it starts itself."""

    planned_usd: float = 0.0
    """US dollars that the plan expects."""

    variant: str = "standard"
    """Variant of the template."""

    moved_from: tuple[str, ...] = ()
    """Addresses that it used before `resume --address`, earliest first."""

    commit: str = ""
    """The commit checked out then in the git repository that holds the template; "" if none does. The files may differ
    from it: the run is made from what `run.lock` holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One process that worked on a run: its time counts against the run's budget, however it ended.

    The record is updated while the process runs and charges it up to the next update, so a killed process is charged
    up to half a second too much, and never too little.
    """

    started: datetime

    seen_s: float
    """Seconds that are charged so far."""

    seen_usd: float = 0.0
    """US dollars that are charged so far."""

    usd_per_s: float = 0.0
    """US dollars a second for what it held at the last update; time that only its watchdog saw is charged at this rate.
    """

    earlier_s: float | None = None
    """Seconds that the run had spent before this process; None in records of earlier versions."""

    earlier_usd: float = 0.0
    """US dollars that the run had spent before this process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageTiming:
    """How long one stage took, planned and actual."""

    stage: StageName

    work: float
    """Amount of work: rows; for fit rows x epochs; for sweep trials."""

    planned_s: float
    """Seconds that the plan expected."""

    actual_s: float
    """Seconds that it took."""

    reused: bool = False
    """Whether its result was taken over from an earlier run, so that its time tells nothing about the work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnd:
    """Written once when a run ends, successfully or not. A run without it is unfinished and can be resumed."""

    state: State

    exit_code: int

    ended: datetime

    wall_clock_s: float
    """Seconds of the whole run, over all its processes."""

    cost_usd: float
    """US dollars of the whole run."""

    family: str
    """Model family."""

    timings: tuple[StageTiming, ...]

    message: str = ""
    """What went wrong; "" if nothing did."""

    timeline_s: Mapping[str, float] | None = None
    """Stage -> seconds of the run when it ended."""

    trouble: str = ""
    """For a failed run: whose trouble it is, one of `errors.Trouble`."""

    retry: str = ""
    """For a failed run: whether the same command may succeed, one of `errors.Retry`."""
