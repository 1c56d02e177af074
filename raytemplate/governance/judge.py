"""From gates and evidence to a verdict."""

import typing
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.gate import Gate
from raytemplate.records.judged import AUTOMATIC, Actor, Approved, Finding, Held, Outcome, Rejected, Verdict, Waiver

_OUTCOMES = frozenset(typing.get_args(Outcome))
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
        actor: who asks; must be a person where promotion is manual.
        waivers: those whose expiry is after `now` and whose gate failed count, and are shown in the verdict.
        now: with its zone.
    """
    findings = tuple(_finding(name, gate, evidence) for name, gate in gates.items())
    failed = tuple(f.gate for f in findings if f.outcome in _FAILED)
    used = tuple(w for w in waivers if w.gate in failed and w.expires > now)
    waived = {w.gate for w in used}
    reason = _reason(findings, tuple(name for name in failed if name not in waived), waivers)
    if reason:
        return Rejected(findings=findings, waivers=used, reason=reason)
    if promotion != "automatic" and actor.automatic:
        return Held(findings=findings, waivers=used, missing="a person: promotion is manual")
    by = AUTOMATIC if actor.automatic else actor.name
    return Approved(findings=findings, waivers=used, by=by, reason=actor.reason)


def _finding(name: str, gate: Gate, evidence: Evidence) -> Finding:
    """What a gate says, under the name it was set by. A crash is an error; `severity: warn` softens a block only."""
    try:
        finding = gate.check(evidence)
        if not isinstance(finding, Finding) or finding.outcome not in _OUTCOMES:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"got {finding!r}, expected a Finding")
        soft = finding.outcome == "block" and gate.severity == "warn"
        return replace(finding, gate=name, outcome="warn" if soft else finding.outcome)
    except Exception as error:  # a plug-in may raise anything, and must not end the judging of the others
        return Finding(gate=name, outcome="error", found=f"{type(error).__name__}: {error}", hint="the gate crashed")


def _reason(findings: tuple[Finding, ...], failed: tuple[str, ...], waivers: tuple[Waiver, ...]) -> str:
    """Why nothing may be promoted; empty if something may."""
    if not findings:
        return _NO_GATES
    if all(f.outcome == "skip" for f in findings):
        return "every gate was skipped: nothing says what is good enough"
    return "; ".join(_failure(f, waivers) for f in findings if f.gate in failed)


def _failure(finding: Finding, waivers: tuple[Waiver, ...]) -> str:
    text = f"{finding.gate} {'blocked' if finding.outcome == 'block' else 'could not judge'}"
    expired = [w for w in waivers if w.gate == finding.gate]
    if not expired:
        return text
    last = max(expired, key=lambda w: w.expires)
    return f"{text} (waiver by {last.person} expired {last.expires.astimezone(UTC):%Y-%m-%d})"
