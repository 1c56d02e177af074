"""The record of promotion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from raytemplate.errors import EXIT_DONE, EXIT_NOT_PROMOTED
from raytemplate.records.run import State


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotionRecord:
    """What became of a candidate in the ledger."""

    outcome: Literal["promoted", "unchanged", "waiting", "shown", "asked"]
    """ "unchanged": its bytes are already the champion's. "waiting": it was held and is the challenger. "shown": its
    variant may not be promoted, and nothing was written to the ledger. "asked": the team's promoter has to judge it."""

    model: str
    """Name of the registered model."""

    version: int
    """Version of the candidate; 0 if it has none."""

    digest: str
    """Digest of the candidate's files."""

    term: int
    """The ledger's counter."""

    previous_version: int
    """Version of the champion before."""

    at: datetime

    projected: bool
    """Whether MLflow's copy is up to date; the ledger is right in any case."""

    warning: str = ""
    """Why MLflow's copy is not up to date, or what else a person should know about it. If `outcome` is "asked": why the
    promoter refused."""

    ledger_warning: str = ""
    """What a person should know about the ledger's checkpoints outside the workspace; "" if nothing."""

    variant: str = ""
    """The variant that may not be promoted, if `outcome` is "shown"."""


def ending(promotion: PromotionRecord | None) -> tuple[State, int]:
    """State and exit code of a run that was judged; None for a candidate that was rejected."""
    match promotion.outcome if promotion else None:
        case None:
            return "rejected", EXIT_NOT_PROMOTED
        case "waiting" | "asked":
            return "held", EXIT_NOT_PROMOTED
        case "promoted":
            return "approved", EXIT_DONE
        case "unchanged" | "shown" as outcome:
            return outcome, EXIT_DONE
