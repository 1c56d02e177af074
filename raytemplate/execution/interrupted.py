"""What a person who stopped a run is told: what is safe, and how to go on."""

from __future__ import annotations

from raytemplate.errors import Interrupted
from raytemplate.execution.journal import Journal
from raytemplate.records.promoted import PromotionRecord


def interrupted(error: BaseException, journal: Journal) -> Interrupted:
    """The error of a run that was stopped by Ctrl-C or told to end, at whatever moment."""
    terminated = isinstance(error, Interrupted) and error.terminated
    done = "; nothing was promoted" if journal.read(PromotionRecord) is None else ""
    epochs = journal.epochs()
    safe = f"; training is kept up to epoch {epochs[-1].epoch}" if epochs else ""
    return Interrupted(
        f"{'terminated' if terminated else 'interrupted'}: run {journal.run_id} is unfinished{safe}{done}",
        next_step=f"raytemplate resume {journal.run_id}", terminated=terminated,
    )  # fmt: skip
