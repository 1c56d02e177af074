"""What governance hands on: findings, waivers and the verdict."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AUTOMATIC = "automatic"
"""Who allowed what nobody had to."""

Outcome = Literal["pass", "warn", "hold", "block", "skip", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one gate says. `found` and `required` are for people; `hint` is what to do when it does not pass.

    "hold" is good enough only if a person says so.
    """

    gate: str
    outcome: Outcome
    found: str
    required: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who has governance do something: a person by their own word, or a run that they have started."""

    name: str
    reason: str = ""
    """Why, in the person's words."""
    automatic: bool = False
    """Whether it is a run's request: then its plan says whether a person must be asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """A named exception for one gate."""

    gate: str
    person: str
    reason: str
    expires: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class _Verdict:
    """What every gate said, and the waivers that counted."""

    findings: tuple[Finding, ...]
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Approved(_Verdict):
    """No gate blocks, and nobody else has to agree."""

    by: str = AUTOMATIC
    """The person who allowed it, or "automatic". Records of 0.1 have the reason here as well, after a colon."""
    reason: str = ""
    accepted: tuple[str, ...] = ()
    """Gates that held, which that person accepted all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held(_Verdict):
    """No gate blocks; only a person is missing."""

    missing: str = ""
    """Why a person must decide, in one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected(_Verdict):
    """At least one gate blocked or crashed."""

    reason: str = ""


Verdict = Approved | Held | Rejected


@dataclass(frozen=True, kw_only=True, slots=True)
class Precedents:
    """What was judged before a candidate, taken when it was judged first: judged again, it finds the same."""

    model: str
    candidate_digest: str
    test_rows: str
    """Which rows it was judged on: `Evaluation.test_rows`."""
    nth: int
    """Which one it is of the different candidates of the model that were judged on these rows, from 1; 0 for rows that
    nobody can tell from others."""
    champion_digest: str = ""
    """The champion it was compared with; "" if there was none."""
    same_as_champion: bool = False
    """Whether rows, features, code and settings are those of the champion's run, and only the seed is another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRecord:
    """A verdict and when it was given."""

    verdict: Verdict
    at: datetime
    candidate_digest: str
