"""Judges evidence by gates: the result is a verdict."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Literal

from raytemplate.governance.champion import soften_if_champion_failed
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.gate import Gate, checked
from raytemplate.governance.repeats import repeated
from raytemplate.governance.revoked import on_revoked
from raytemplate.records.judged import AUTOMATIC, Actor, Approved, Finding, Held, Rejected, Verdict, Waiver
from raytemplate.units import show_moment

_FAILED = ("block", "error")
_NO_GATES = "no gates: nothing says what is good enough"


def judge(
    gates: Mapping[str, Gate],
    evidence: Evidence,
    *,
    promotion: Literal["automatic", "manual"],
    actor: Actor,
    waivers: tuple[Waiver, ...] = (),
    now: datetime,
) -> Verdict:
    """Approved, held or rejected, with every finding.

    Args:
        gates: by name, in the order they are shown.
        actor: who asks; must be a person if a gate holds or promotion is manual.
        waivers: they apply if they expire after `now` and their gate blocked or held; the verdict shows those. None
            applies to an error, to a rule that is no gate, or to a gate that may not be waived.
        now: the time, with its zone.
    """
    said = tuple(checked(name, gate, evidence) for name, gate in gates.items())
    findings = (*soften_if_champion_failed(said, evidence.evaluation), *repeated(evidence), *on_revoked(evidence))
    may_be = {f.gate for f in findings if f.gate in gates and is_waivable(gates[f.gate], f)}
    used = tuple(w for w in waivers if w.expires > now and w.gate in may_be)
    waived = {w.gate for w in used}
    stopped = tuple(f for f in findings if _stops(f) and f.gate not in waived)
    expired = tuple(w for w in waivers if w.expires <= now and w.gate in may_be)
    reason = _nothing_said(said) or _reason(findings, tuple(f.gate for f in stopped if f.outcome != "hold"), expired)
    if reason:
        return Rejected(findings=findings, waivers=used, expired=expired, reason=reason)
    if actor.automatic and (stopped or promotion != "automatic"):
        return Held(findings=findings, waivers=used, expired=expired, missing=_missing(stopped, promotion))
    by, accepted = AUTOMATIC if actor.automatic else actor.name, tuple(f.gate for f in stopped)
    return Approved(findings=findings, waivers=used, expired=expired, by=by, reason=actor.reason, accepted=accepted)


def is_waivable(gate: Gate, finding: Finding) -> bool:
    """Whether a person may except a candidate from what a gate found: not if it could not judge."""
    return finding.outcome in ("block", "hold") and getattr(gate, "waivable", True)


def still_stops(verdict: Verdict, waivers: Collection[Waiver], now: datetime) -> tuple[Finding, ...]:
    """The findings that would keep a judged candidate from being promoted, or leave it to a person, beside these
    waivers."""
    waived = {waiver.gate for waiver in waivers if waiver.expires > now}
    return tuple(
        finding
        for finding in verdict.findings
        if finding.outcome == "error" or (finding.outcome in ("block", "hold") and finding.gate not in waived)
    )


def _stops(finding: Finding) -> bool:
    return finding.outcome in ("hold", *_FAILED)


def _missing(held: tuple[Finding, ...], promotion: str) -> str:
    reasons = [f"{f.gate} ({f.found})" for f in held]
    reasons += ["promotion is manual"] if promotion != "automatic" else []
    return "; ".join(reasons)


def _nothing_said(by_gates: tuple[Finding, ...]) -> str:
    """Why the findings are not enough for a verdict; "" if at least one gate was not skipped."""
    if not by_gates:
        return _NO_GATES
    if all(f.outcome == "skip" for f in by_gates):
        return "every gate was skipped: nothing says what is good enough"
    return ""


def _reason(findings: tuple[Finding, ...], failed: tuple[str, ...], expired: tuple[Waiver, ...]) -> str:
    """Why the candidate may not be promoted; "" if it may."""
    return "; ".join(_failure(f, expired) for f in findings if f.gate in failed)


def _failure(finding: Finding, expired: tuple[Waiver, ...]) -> str:
    text = f"{finding.gate} {'blocked' if finding.outcome == 'block' else 'could not judge'}"
    of_gate = [w for w in expired if w.gate == finding.gate]
    if not of_gate:
        return text
    last = max(of_gate, key=lambda w: w.expires)
    return f"{text} (waiver by {last.person} expired {show_moment(last.expires.astimezone(UTC))})"
