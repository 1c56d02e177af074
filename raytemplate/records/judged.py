"""Records of governance: findings, waivers and the verdict."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AUTOMATIC = "automatic"
"""Recorded as the approver if no person had to approve."""

Outcome = Literal["pass", "warn", "hold", "block", "skip", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of one gate."""

    gate: str
    """Name of the gate."""

    outcome: Outcome
    """ "hold" leaves the decision to a person."""

    found: str
    """What the gate found, for people to read."""

    required: str = ""
    """What it requires, for people to read."""

    hint: str = ""
    """What to do if it does not pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a person has signed; see `ledger.decisions`."""

    envelope: str
    """The signed decision: an envelope of DSSE, as JSON."""

    public_key: str
    """The person's key: 32 bytes in base64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who requests something of governance: a person directly, or a run that the person started."""

    name: str
    """The person."""

    reason: str = ""
    """The reason, in the person's words."""

    automatic: bool = False
    """Whether a run makes the request; its plan then decides whether a person must be asked."""

    said: Said | None = None
    """The request as the person signed it; None if a run makes it, and in ledgers of earlier versions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """A named exception for one gate."""

    gate: str
    """Name of the gate."""

    person: str
    """Who grants the exception."""

    reason: str
    """The reason, in the person's words."""

    expires: datetime
    """When the exception ends."""

    event: int = 0
    """Number of the ledger's event that grants it; 0 if none does."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class _Verdict:
    """What all verdicts have in common."""

    findings: tuple[Finding, ...]
    """The result of every gate."""

    waivers: tuple[Waiver, ...] = ()
    """The waivers that applied."""

    expired: tuple[Waiver, ...] = ()
    """The waivers of gates that blocked or held it which had expired."""

    def __repr__(self) -> str:
        outcomes = Counter(finding.outcome for finding in self.findings)
        found = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        return f"<{type(self).__name__}: {found}>"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Approved(_Verdict):
    """No gate blocks, and nobody else has to agree."""

    by: str = AUTOMATIC
    """The person who approved it, or "automatic". Records of 0.1 also have the reason here, after a colon."""

    reason: str = ""
    """The person's reason."""

    accepted: tuple[str, ...] = ()
    """Gates with outcome "hold" that the person accepted."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Held(_Verdict):
    """No gate blocks; only a person is missing."""

    missing: str = ""
    """Why a person must decide, in one line."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Rejected(_Verdict):
    """At least one gate blocked or crashed."""

    reason: str = ""
    """Why, in one line."""


Verdict = Approved | Held | Rejected


@dataclass(frozen=True, kw_only=True, slots=True)
class Precedents:
    """What was judged before a candidate. Kept from its first judgement, so that judging it again finds the same."""

    model: str
    """Name of the registered model."""

    candidate_digest: str
    """Digest of the candidate's files."""

    test_rows: str
    """Digest of the rows it was judged on: `Evaluation.test_rows`."""

    nth: int
    """Position, from 1, among the different candidates of the model that were judged on these rows; 0 if the rows
    cannot be identified."""

    champion_digest: str = ""
    """The champion it was compared with; "" if there was none."""

    same_as_champion: bool = False
    """Whether rows, features, code and settings equal those of the champion's run, and only the seed differs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRecord:
    """A verdict and when it was given."""

    verdict: Verdict

    at: datetime

    candidate_digest: str
    """Digest of the candidate's files."""
