"""The rule on revoked snapshots, whatever gates a template has: what has seen one is blocked."""

from raytemplate.governance.evidence import Evidence
from raytemplate.records.judged import Finding

RULE = "snapshot"
"""Name of the rule in findings, where others name their gate."""


def on_revoked(evidence: Evidence) -> tuple[Finding, ...]:
    """A finding if the candidate has seen a snapshot that a person has revoked."""
    if not evidence.revoked:
        return ()
    found = "; ".join(f"{mark.name} was {mark.text}" for mark in evidence.revoked)
    hint = "nothing excepts from it: train on other rows"
    return (Finding(gate=RULE, outcome="block", found=found, required="no revoked snapshot", hint=hint),)
