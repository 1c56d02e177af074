"""What promotion hands on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from raytemplate.errors import EXIT_DONE, EXIT_NOT_PROMOTED
from raytemplate.records.run import State


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotionRecord:
    """What became of a candidate in the ledger.

    `outcome`: "promoted", "unchanged" (its bytes are the champion's already), "waiting" (held: the challenger) or
    "shown" (made by a variant that may not be promoted, which `variant` names: nothing was written to the ledger).
    `projected` is False when MLflow could not be brought in line yet; the ledger is right all the same. `warning` says
    why, or what else a person should know of MLflow's copy.
    """

    outcome: Literal["promoted", "unchanged", "waiting", "shown"]
    model: str
    version: int
    digest: str
    term: int
    previous_version: int
    at: datetime
    projected: bool
    warning: str = ""
    variant: str = ""


def ending(promotion: PromotionRecord | None) -> tuple[State, int]:
    """State and exit code of a run that was judged; None for a candidate that was rejected."""
    match promotion.outcome if promotion else None:
        case None:
            return "rejected", EXIT_NOT_PROMOTED
        case "waiting":
            return "held", EXIT_NOT_PROMOTED
        case "promoted":
            return "approved", EXIT_DONE
        case "unchanged" | "shown" as outcome:
            return outcome, EXIT_DONE
