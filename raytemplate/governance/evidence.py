"""All that a gate may look at."""

from dataclasses import dataclass

from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Precedents


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The records that a candidate is judged on: a gate takes what it needs of them, and sees nothing else.

    A new kind of evidence is one more field here. Evidence of before there was that kind has none: it is None then.
    """

    evaluation: Evaluation
    """Candidate, champion and baseline on the test rows."""

    snapshot: Snapshot
    """The data that was read, and its windows."""

    precedents: Precedents | None = None
    """What was judged before it; None for a candidate that nobody may promote."""
