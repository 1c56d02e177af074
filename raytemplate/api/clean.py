"""What a workspace holds besides records and models, and freeing it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import get_args

from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import UsageError
from raytemplate.plugins import suggest
from raytemplate.records.holdings import Holding, HoldingKind
from raytemplate.reports.holdings_shown import holdings_text

KINDS: tuple[HoldingKind, ...] = tuple(kind for kind in get_args(HoldingKind) if kind != "frozen")
"""What may be freed: anything but the copies of rows that the ledger has frozen."""
ALL = "all"
"""Every kind but `needed`."""


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What is held by kind, and what of it was freed; prints as `raytemplate clean` does."""

    holdings: tuple[Holding, ...]
    """Everything that was held when the call began."""

    @property
    def freed_bytes(self) -> int:
        """Bytes that were freed."""
        return sum(one.num_bytes for one in self.holdings if one.freed)

    def __str__(self) -> str:
        return holdings_text(self.holdings)

    def __repr__(self) -> str:
        return f"<{len(self.holdings)} kinds of holdings, {self.freed_bytes:,} bytes freed>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def clean(free: str | Collection[str] = (), *, workspace: str | None = None) -> Cleaned:
    """List what a workspace holds besides records and models, and free what is asked for.

    Args:
        free: kinds such as "encoded"; "all" means all but `needed`, the copies of rows without which a run cannot be
            made again once its source has changed.

    Raises:
        UsageError: there is no such kind.
    """
    from raytemplate.history.holdings import free as free_kinds
    from raytemplate.history.holdings import holdings

    asked = {free} if isinstance(free, str) else set(free)
    if "frozen" in asked:
        raise UsageError(
            "clean: copies of rows of a frozen snapshot are never freed", next_step="raytemplate snapshot list"
        )
    if wrong := sorted(asked - {ALL, *KINDS}):
        raise UsageError(f"clean: nothing of kind {wrong[0]}; {suggest(wrong[0], (ALL, *KINDS))}")
    found_in = workspace_at(workspace)
    wanted: list[HoldingKind] = [kind for kind in KINDS if kind in asked or (ALL in asked and kind != "needed")]
    return Cleaned(holdings=free_kinds(found_in, wanted) if wanted else holdings(found_in))
