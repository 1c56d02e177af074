"""What is asked of a team's promoter, and what it answers."""

from dataclasses import dataclass
from datetime import datetime

from raytemplate.records.codec import Settings
from raytemplate.records.judged import Said


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoterRequest:
    """One thing that a command in team mode asks for."""

    id: str
    """Its name: the time, then random digits."""

    do: str
    """What is to be done: the promoter's method."""

    asked: Settings
    """Its arguments."""

    name: str
    """Who asks, as the machine says."""

    at: datetime
    """When, by the clock of the asking machine."""

    said: Said | None = None
    """For a run that asks to be judged: that, signed by the key of the person who started it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoterAnswer:
    """What became of a request."""

    request: str
    """The request's id."""

    exit_code: int
    """The exit code that the command would have had."""

    at: datetime
    """When it was answered."""

    key: str
    """Id of the promoter's key."""

    what: str = ""
    """What was refused and why; "" if it was done."""

    next_step: str = ""
    """The command to continue with, if it was refused."""
