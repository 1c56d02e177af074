"""Waivers as commands print them."""

from collections.abc import Collection

from raytemplate.records.judged import Finding, Waiver
from raytemplate.reports.layout import sentences
from raytemplate.units import show_moment


def waiver_text(waiver: Waiver) -> str:
    """Who waived a gate, until when and why."""
    return f"waived by {waiver.person} until {show_moment(waiver.expires)}: {waiver.reason}"


def expired_text(waiver: Waiver) -> str:
    """Who had waived a gate, and when that ended."""
    return f"the waiver by {waiver.person} expired {show_moment(waiver.expires)}: {waiver.reason}"


def waived_text(run_id: str, waiver: Waiver, still: Collection[Finding], warning: str) -> str:
    """The waiver, what else stops the candidate, and the next command unless something does."""
    until = f"{show_moment(waiver.expires)} UTC"
    lines = [f"{waiver.gate} of run {run_id} is waived by {waiver.person} until {until}: {waiver.reason}"]
    lines += [warning] if warning else []
    failed = [f"{finding.gate} ({finding.found})" for finding in still if finding.outcome != "hold"]
    if failed:
        return "\n".join(map(sentences, [*lines, f"Nothing was promoted; {', '.join(failed)} still blocks it."]))
    return "\n".join([*map(sentences, [*lines, "Nothing was promoted."]), promote_command(run_id, still)])


def promote_command(run_id: str, holds: Collection[Finding]) -> str:
    """The command that promotes a candidate, with a reason if a person accepts what gates hold."""
    reason = ' --reason "..."' if holds else ""
    return f"To promote it:\n  raytemplate promote {run_id}{reason}"
