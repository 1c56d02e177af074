"""What governance hands on: findings, waivers and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Outcome = Literal["pass", "warn", "block", "skip", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one gate says. `found` and `required` are for people; `hint` is what to do when it does not pass."""

    gate: str
    outcome: Outcome
    found: str
    required: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """A named exception for one gate."""

    gate: str
    person: str
    reason: str
    expires: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Approved:
    """Every gate passed or was waived, and nobody else has to agree. `by` names who or what allowed it."""

    findings: tuple[Finding, ...]
    waivers: tuple[Waiver, ...] = ()
    by: str = "automatic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Every gate passed; only a person is missing."""

    findings: tuple[Finding, ...]
    waivers: tuple[Waiver, ...] = ()
    missing: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """At least one gate blocked or crashed."""

    findings: tuple[Finding, ...]
    waivers: tuple[Waiver, ...] = ()
    reason: str = ""


Verdict = Approved | Held | Rejected


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRecord:
    """A verdict and when it was given."""

    verdict: Approved | Held | Rejected
    at: datetime
    candidate_digest: str
