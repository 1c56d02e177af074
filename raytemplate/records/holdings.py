"""The findings of `raytemplate clean`: what a workspace holds besides records and models, and who needs it."""

from dataclasses import dataclass
from typing import Literal

HoldingKind = Literal["encoded", "profiles", "listings", "kept", "needed", "frozen", "models", "held", "leftovers"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """Everything of one kind."""

    kind: HoldingKind
    """`encoded` rows, `profiles` of files, `listings` of text files, `kept` copies of rows that no run needs, those
    that are `needed` and those of `frozen` snapshots, `models` that nothing keeps and those that are `held`, and
    `leftovers` of processes that were killed."""

    num: int
    """How many there are."""

    num_bytes: int
    """Size of all of them."""

    needed_by: tuple[str, ...] = ()
    """Runs that cannot be made again without them if their source changes, newest first; frozen snapshots; for models
    that are held, why, with how many."""

    freed: bool = False
    """Whether they have just been freed."""
