"""Record of labels that have changed since the champion was trained."""

from dataclasses import dataclass

_LEAST_SHOWN = 0.001
"""Smallest percentage that is written in digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelChanges:
    """How many rows that the champion's run has read have another target in this run."""

    run_id: str
    """The champion's run."""

    version: int
    """The champion's version."""

    target: str
    """The target: a column or a condition."""

    num_seen: int
    """Rows that both runs have read, known by their keys, of those that both runs keep the labels of."""

    num_changed: int
    """Those whose target is another now."""

    is_sample: bool
    """Whether the rows are a sample, because one of the runs has read more rows than it keeps the labels of."""

    @property
    def text(self) -> str:
        """ "labels: 3 of 61,204 rows that version 4 has seen have another air_time now (0.005 %)" """
        of = f"{'a sample of ' if self.is_sample else ''}{self.num_seen:,} rows that version {self.version} has seen"
        another = f"another value of {self.target}" if " " in self.target else f"another {self.target}"
        if not self.num_changed:
            return f"labels: none of {of} has {another} now"
        return f"labels: {self.num_changed:,} of {of} have {another} now ({_percentage(self)})"


def _percentage(found: LabelChanges) -> str:
    value = 100 * found.num_changed / found.num_seen
    if value < _LEAST_SHOWN:
        return f"under {_LEAST_SHOWN} %"
    return f"{value:.1f} %" if value >= 1 else f"{value:.1g} %"
