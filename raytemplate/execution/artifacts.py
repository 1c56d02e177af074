"""What a template promises to leave behind: writes the model card and checks every promise of `contract.artifacts`."""

from pathlib import Path

from raytemplate.errors import PromiseBroken
from raytemplate.execution.journal import LOCK, RECORDS, Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.model_card import model_card
from raytemplate.store.atomic import write_atomic
from raytemplate.store.content_store import ContentStore

MODEL_CARD = "model-card.md"
_FILES = {
    "plan": LOCK,
    "snapshot": RECORDS[Snapshot],
    "profile": "profile.json",
    "evaluation": RECORDS[Evaluation],
    "verdict": RECORDS[VerdictRecord],
    "model-card": MODEL_CARD,
}
_AFTER_THE_VERDICT = ("verdict", "model-card")


def write_model_card(journal: Journal, plan: RunPlan) -> None:
    """Write the card of a judged run; an existing card is rewritten, because a promotion changes it."""
    card = model_card(
        plan,
        journal.run_id,
        journal.need(Snapshot),
        journal.need(FitResult),
        journal.need(Evaluation),
        journal.need(VerdictRecord),
        journal.read(PromotionRecord),
    )
    write_atomic(journal.folder / MODEL_CARD, card.encode())


def check_promises(journal: Journal, plan: RunPlan, store: ContentStore, *, judged: bool) -> None:
    """Stop if anything that the template promises is missing.

    Args:
        judged: whether the verdict has been given. Before it, only what must exist by then is checked, so that a broken
            promise stops the promotion.

    Raises:
        PromiseBroken: names everything that is missing and where it should be.
    """
    asked = [name for name in plan.artifacts if judged or name not in _AFTER_THE_VERDICT]
    locations = {name: _location(name, journal, store) for name in asked}
    missing = [f"{name} ({location})" for name, location in locations.items() if not _is_there(location)]
    if missing:
        raise PromiseBroken(
            f"contract.artifacts: promised but missing: {', '.join(missing)}{_champion_already(journal)}",
            next_step=f"raytemplate resume {journal.run_id}    # or take it out of contract.artifacts",
        )


def _champion_already(journal: Journal) -> str:
    """What a person must know if the promise was broken after the promotion."""
    promotion = journal.read(PromotionRecord)
    if promotion is None or promotion.outcome != "promoted":
        return "; nothing was promoted"
    return f"; version {promotion.version} of {promotion.model} is the champion all the same"


def _location(name: str, journal: Journal, store: ContentStore) -> Path:
    if name == "model":
        return store.path(journal.need(FitResult).candidate.digest)
    return journal.folder / _FILES[name]


def _is_there(location: Path) -> bool:
    """Whether it is a non-empty file or a non-empty folder."""
    return any(location.iterdir()) if location.is_dir() else location.is_file() and location.stat().st_size > 0
