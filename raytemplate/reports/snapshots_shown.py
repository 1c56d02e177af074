"""Snapshots as `raytemplate snapshot` prints them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raytemplate.records.marked import MarkKind, SnapshotMark
from raytemplate.reports.layout import hanging, sentences, table
from raytemplate.reports.wording import short
from raytemplate.units import count

_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class UsedBy:
    """A version that has seen a snapshot."""

    model: str
    """Name of the model."""
    version: int
    """The version."""
    state: Literal["champion", "challenger", "former"]
    """What the version is now."""

    @property
    def text(self) -> str:
        """ "flights-air-time/3 (champion)" """
        return f"{self.model}/{self.version} ({self.state})"


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotRow:
    """A snapshot, who read it and what was decided about it."""

    digest: str
    """Its digest."""
    name: str
    """Its short name, such as "flights@3f7f16"."""
    num_rows: int
    """Its rows; 0 if the records of all runs that read it are gone."""
    runs: tuple[str, ...]
    """Runs that read it, the newest first."""
    used_by: tuple[UsedBy, ...]
    """Versions that were made from it or judged on it, or whose parents were."""
    marks: tuple[SnapshotMark, ...] = ()
    """Whether it is frozen, revoked, or both."""
    kept: str = ""
    """Digest of the copy of its rows; "" if none was kept."""
    is_there: bool = False
    """Whether that copy is there."""

    def mark(self, kind: MarkKind) -> SnapshotMark | None:
        """What was decided, if it was."""
        return next((mark for mark in self.marks if mark.kind == kind), None)

    @property
    def runs_text(self) -> str:
        """ "run k7q2ab", or how many there are and the newest of them."""
        if len(self.runs) == 1:
            return f"run {self.runs[0]}"
        more = ", ..." if len(self.runs) > _NAMED else ""
        return f"{count(len(self.runs), 'run')}: {', '.join(self.runs[:_NAMED])}{more}" if self.runs else "no run"

    @property
    def champions(self) -> tuple[UsedBy, ...]:
        """The champions that have seen it."""
        return tuple(one for one in self.used_by if one.state == "champion")


def snapshots_text(rows: Sequence[SnapshotRow]) -> str:
    """The list of snapshots, and below it what was decided about them."""
    if not rows:
        return "No run has read any rows yet. To start one:\n  raytemplate run FILE"
    lines = [("snapshot", "digest", "rows", "read by", "versions that saw it", "copy", "state")]
    lines += [_cells(row) for row in rows]
    text = table(lines, gaps=(3, 2, 2, 2, 2, 2), right={2}, most={3: 32, 4: 40})
    notes = [hanging(f"  {mark.name}: ", mark.text) for row in rows for mark in row.marks]
    command = "  raytemplate ledger show" if notes else f'  raytemplate snapshot freeze {rows[0].name} --reason "..."'
    return "\n\n".join(part for part in (text, "\n".join(notes), command) if part)


def _cells(row: SnapshotRow) -> tuple[str, ...]:
    copy = "kept" if row.is_there else ("gone" if row.kept else "-")
    rows = f"{row.num_rows:,}" if row.num_rows else "-"
    state = ", ".join(mark.kind for mark in row.marks) or "-"
    used = ", ".join(one.text for one in row.used_by) or "-"
    return row.name, short(row.digest), rows, row.runs_text, used, copy, state


def frozen_text(row: SnapshotRow, mark: SnapshotMark, warning: str) -> str:
    """What freezing does: whether the rows themselves are kept."""
    if row.is_there:
        kept = "Its rows are kept, and `clean` never frees them."
    elif row.kept:
        kept = f"The copy of its rows, {short(row.kept)}, is not there: the ledger has digests only."
    else:
        kept = (
            "Its rows are not kept (data.keep: reference): the ledger has the digest of what was read, so that "
            "`reproduce` refuses other rows, but nothing brings these back."
        )
    lines = [_said(row, mark), *([warning] if warning else []), kept]
    return "\n".join([*map(sentences, lines), "  raytemplate snapshot list"])


def revoked_text(row: SnapshotRow, mark: SnapshotMark, warning: str, commands: Sequence[str]) -> str:
    """What revoking does, who has used the snapshot, and what to do about champions among them."""
    lines = [_said(row, mark), *([warning] if warning else [])]
    if row.used_by:
        lines.append(f"It was seen by {', '.join(one.text for one in row.used_by)}, and read by {row.runs_text}.")
    else:
        lines.append(f"No version has seen it; it was read by {row.runs_text}.")
    lines.append("No candidate that was made from it or judged on it is promoted from now on.")
    lines += [f"Still in service: {', '.join(one.text for one in row.champions)}." if row.champions else ""]
    return "\n".join([*(sentences(line) for line in lines if line), *(f"  {command}" for command in commands)])


def _said(row: SnapshotRow, mark: SnapshotMark) -> str:
    return f"{row.name} ({short(row.digest)}) is {mark.text}"


def revoked_sentence(version: int, marks: Sequence[SnapshotMark]) -> str:
    """A sentence about a version that has seen revoked snapshots; "" if it has seen none."""
    return f"Version {version} has seen {'; '.join(f'{mark.name}, {mark.text}' for mark in marks)}." if marks else ""
