"""The current champion, in words: whether it would pass its gates today."""

from dataclasses import dataclass
from datetime import datetime

from raytemplate.records.judged import Finding
from raytemplate.reports.layout import table
from raytemplate.units import show_moment

FAILS = "would not pass today"
"""Shown in red on a terminal."""
UNKNOWN = "not measured"
_FAILED = ("hold", "block", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class InService:
    """What the gates that need no candidate say about a champion, on the newest test rows that it was scored on."""

    version: int
    """The champion's version."""
    run_id: str
    """The run that scored it."""
    test_start: datetime
    """Start of the test window."""
    test_end: datetime
    """End of the test window, excluded."""
    findings: tuple[Finding, ...]
    """What each gate found."""

    @property
    def today(self) -> str:
        """Whether it would pass, in a few words."""
        outcomes = {finding.outcome for finding in self.findings}
        if outcomes & {*_FAILED}:
            return FAILS
        return UNKNOWN if outcomes <= {"skip"} else "passes"


def service_text(found: InService | None) -> str:
    """The gates as a table under a line that names the rows; "" if nothing is known."""
    if found is None:
        return ""
    rows = [("gate", "today", "found", "required")]
    rows += [(f.gate, f.outcome if f.outcome != "skip" else "-", f.found, f.required) for f in found.findings]
    window = f"{show_moment(found.test_start)} .. {show_moment(found.test_end)}"
    where = f"on the test rows of run {found.run_id}, {window}"
    said = {FAILS: FAILS, UNKNOWN: "was not measured"}.get(found.today, "would pass today")
    return f"Version {found.version} {said}, {where}:\n{table(rows, gaps=(3, 2, 3), most={2: 44, 3: 28})}"


def champion_text(version: int, findings: tuple[Finding, ...]) -> str:
    """One line for a run whose champion stays although it would not pass; "" if it would."""
    failed = [f"{f.gate} ({f.found}, required {f.required})" for f in findings if f.outcome in _FAILED]
    return f"The champion (version {version}) {FAILS}: {'; '.join(failed)}." if failed else ""
