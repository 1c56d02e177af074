"""What `raytemplate doctor` found out about the machine and what is installed."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "absent", "bad"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    part: str
    """The heading it belongs under: packages, families, machine, Ray, workspace."""
    name: str
    state: State
    """`absent` is something optional that is not installed; `bad` keeps a run from working."""
    found: str
    next_step: str = ""
    """What puts it right."""
