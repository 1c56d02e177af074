"""The findings of `raytemplate clean`: what a workspace holds besides records and models, and who needs it."""

from dataclasses import dataclass
from typing import Literal

HoldingKind = Literal["encoded", "profiles", "listings", "kept", "needed", "frozen", "leftovers"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """Everything of one kind."""

    kind: HoldingKind
    """`encoded` rows, `profiles` of files, `listings` of text files, `kept` copies of rows that no run needs and those
    that are `needed`, those of `frozen` snapshots, and `leftovers` of processes that were killed."""

    num: int
    """How many there are."""

    num_bytes: int
    """Size of all of them."""

    needed_by: tuple[str, ...] = ()
    """Runs that cannot be made again without them if their source changes, newest first."""

    freed: bool = False
    """Whether they have just been freed."""
