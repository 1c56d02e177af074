"""What a person has decided about the rows that runs read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MarkKind = Literal["frozen", "revoked"]
"""What is decided about a snapshot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotMark:
    """A snapshot that is frozen or revoked."""

    snapshot: str
    """Digest of the snapshot."""

    name: str
    """Its short name, such as "flights@3f7f16"."""

    kind: MarkKind
    """ "frozen": its rows are kept as they are. "revoked": nothing made from it, or judged on it, is promoted."""

    person: str
    """Who decided it."""

    reason: str
    """The reason, in the person's words."""

    at: datetime
    """When it was decided."""

    event: int
    """Number of the ledger's event."""

    kept: str = ""
    """Digest of the copy of its rows, if it is frozen and a copy was kept."""

    @property
    def text(self) -> str:
        """ "revoked by ada on 2013-06-01: the labels were wrong" """
        return f"{self.kind} by {self.person} on {self.at.date().isoformat()}: {self.reason}"
