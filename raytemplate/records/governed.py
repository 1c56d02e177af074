"""The settings of governance: who may decide, where checkpoints are kept, what is retained."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["solo", "team"]
LocationKind = Literal["file", "git", "s3", "mlflow"]

CHAMPIONS_KEPT = 5
"""How many champions of each model are kept if nothing says otherwise, so that a rollback finds their files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """Where checkpoints of the ledger are kept, outside the workspace."""

    kind: LocationKind
    """What is there: a file, a git repository, an S3 bucket or an MLflow server."""

    where: str
    """Path, URI, or reference to a URI. A path is relative to the workspace."""

    remote: str = ""
    """Remote that tags are pushed to; "" if they stay in the repository."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GovernanceSettings:
    """What `governance.yaml` proposes, and what an event of the ledger puts in force."""

    mode: Mode = "solo"
    """ "team": only a promoter that serves the team writes ledger and registry."""

    url: str = ""
    """Reference to the URL of the ledger's database; "" for the file in the workspace."""

    checkpoints: tuple[Location, ...] = ()
    """Locations of checkpoints, besides the file in the promoter's state folder."""

    people: tuple[str, ...] = ()
    """Ids of the keys whose decisions count; empty if anyone's do."""

    promoters: tuple[str, ...] = ()
    """Ids of the promoters' keys that may sign events; empty if any may."""

    keep: str = ""
    """How long records and replaced models are kept, such as "12 months"; "" if nothing says."""

    champions: int = CHAMPIONS_KEPT
    """How many champions of each model are kept in any case, the current one included."""
