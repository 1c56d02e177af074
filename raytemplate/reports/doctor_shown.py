"""What `raytemplate doctor` prints."""

from collections.abc import Sequence
from itertools import groupby

from raytemplate.records.looked import Finding
from raytemplate.reports.layout import table

_SIGNS = {"good": "✓", "absent": "-", "bad": "✗"}


def doctor_text(findings: Sequence[Finding]) -> str:
    """All findings under their headings, and what is to be done, last."""
    parts = []
    for part, found in groupby(findings, key=lambda one: one.part):
        rows = [(_SIGNS[one.state], one.name, one.found, one.next_step) for one in found]
        parts += [part, table(rows, gaps=(1, 2, 2), most={2: 60}), ""]
    bad = sum(one.state == "bad" for one in findings)
    parts.append(
        f"{bad} {'problem' if bad == 1 else 'problems'}: see ✗ above." if bad else "Everything a run needs is here."
    )
    if not bad:
        parts.append("  raytemplate init demo --example flights")
    return "\n".join(parts)
