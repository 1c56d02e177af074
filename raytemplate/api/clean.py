"""What a workspace holds besides records and models, and freeing it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, get_args

from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import Refused, UsageError
from raytemplate.plugins import suggest
from raytemplate.records.holdings import Holding, HoldingKind
from raytemplate.reports.holdings_shown import holdings_text
from raytemplate.store.workspace import Workspace
from raytemplate.units import Span, parse_span, show

if TYPE_CHECKING:
    from raytemplate.history.held_models import Retention

KINDS: tuple[HoldingKind, ...] = tuple(kind for kind in get_args(HoldingKind) if kind != "frozen")
"""What may be freed: anything but the copies of rows that the ledger has frozen."""
ALL = "all"
"""Every kind that can be made again."""
_ONLY_BY_NAME: tuple[HoldingKind, ...] = ("needed", "models")
_NEVER: tuple[HoldingKind, ...] = ("frozen", "held")


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


def clean(free: str | Collection[str] = (), *, retention: str | Span = "", workspace: str | None = None) -> Cleaned:
    """List what a workspace holds besides records and models, and free what is asked for.

    Args:
        free: kinds such as "encoded"; "all" means all but `needed`, the copies of rows without which a run cannot be
            made again once its source has changed, and but `models`.
        retention: how long a model is kept that is no champion, none of the last five and does not wait, such as
            "90d"; without it, as long as the settings in force say, or for ever. It may not be shorter than they say.
            Models are listed if there is one, or if `models` are to be freed.

    Raises:
        Refused: the retention is shorter than the settings in force say.
        UsageError: there is no such kind, it is never freed, or the retention is no length of time.
        IntegrityError: models are to be freed, and the ledger is lost or was edited, or a run is being worked on.
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
    if never := sorted(asked & set(_NEVER)):
        raise UsageError(f"clean: {never[0]} is what is never freed", next_step="raytemplate clean")
    found_in = workspace_at(workspace)
    by_all = set(KINDS) - {*_ONLY_BY_NAME, *_NEVER} if ALL in asked else set[HoldingKind]()
    wanted: list[HoldingKind] = [kind for kind in KINDS if kind in asked or kind in by_all]
    models = _retention(found_in, retention, asked="models" in wanted)
    return Cleaned(holdings=free_kinds(found_in, wanted, models) if wanted else holdings(found_in, models))


def _retention(workspace: Workspace, retention: str | Span, *, asked: bool) -> Retention | None:
    """How long models are kept: at least as long as the settings in force say."""
    from raytemplate.execution.in_force import in_force
    from raytemplate.history.held_models import FOR_EVER, Retention

    if not (retention or asked):
        return None
    settings, now = in_force(workspace).settings, datetime.now(UTC)
    least = parse_span(settings.keep) if settings.keep else None
    span = _span(retention) if retention else least or FOR_EVER
    if least is not None and span.unit != "all" and span.back_from(now) > least.back_from(now):
        raise Refused(
            f"--retention {span}: the settings in force keep models for {least}",
            next_step="raytemplate clean --free models    # as long as they say",
        )
    return Retention(span=span, champions=settings.champions)


def _span(retention: str | Span) -> Span:
    try:
        span = parse_span(retention)
    except ValueError:
        span = None
    if span is None or span.unit in ("minute", "hour"):  # "1m" is a minute, and was rarely meant
        raise UsageError(
            f"retention: got {show(str(retention))}, expected a number of days, months or years, such as 90d or 1 year",
            next_step="raytemplate clean --retention 90d",
        )
    return span
