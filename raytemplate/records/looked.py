"""The findings of `raytemplate doctor` about the machine and its packages."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "absent", "bad"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    part: str
    """The heading it belongs under: packages, families, sources, exports, machine, Ray, workspace."""

    name: str
    """What was looked at."""

    state: State
    """`absent` means that something optional is not installed; `bad` keeps runs from working."""

    found: str
    """What was found, such as a version."""

    next_step: str = ""
    """How to fix it."""
