"""Everything that a gate may look at."""

from dataclasses import dataclass

from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Precedents
from raytemplate.records.marked import SnapshotMark


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The records that a candidate is judged on. A gate uses what it needs of them and sees nothing else.

    A new kind of evidence is one more field here; it is None in evidence of earlier versions.
    """

    evaluation: Evaluation
    """Candidate, champion and baseline on the test rows."""

    snapshot: Snapshot
    """The data that was read, and its windows."""

    revoked: tuple[SnapshotMark, ...] = ()
    """Snapshots among those that the candidate and the models behind it have seen, which a person has revoked."""

    precedents: Precedents | None = None
    """What was judged before the candidate; None for a candidate that nobody may promote."""
