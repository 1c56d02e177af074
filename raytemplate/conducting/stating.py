"""Keeps the in-toto statement of a run that ended with a registered version, in the run's folder."""

from raytemplate.execution.journal import STATEMENT, Journal
from raytemplate.history.lineage import new_statement
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.listener import Listener
from raytemplate.store.workspace import Workspace


def keep_statement(journal: Journal, workspace: Workspace, listener: Listener) -> None:
    """Write `lineage.json` if the run has registered a version. The run has ended: what fails is only told."""
    promotion = journal.read(PromotionRecord)
    if promotion is None or not promotion.version or promotion.outcome == "unchanged":
        return
    try:
        journal.keep(STATEMENT, new_statement(journal, workspace))
    except Exception as error:  # a statement must not change how a run has ended
        listener.note(f"{STATEMENT} was not kept: {error}")
