"""How a run failed, kept in its records."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

from raytemplate.budget import Meter
from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunEnd
from raytemplate.redact import redact


def say_how_to_resume(error: Exception, journal: Journal) -> None:
    """An error after which the same again may succeed, and that names no next step, gets it: resuming the run."""
    if isinstance(error, RaytemplateError) and error.retry == "as it is":
        error.next_step = error.next_step or f"raytemplate resume {journal.run_id}"


def record_failure(journal: Journal, plan: RunPlan, meter: Meter, error: Exception) -> None:
    """Keep how it failed: the message in the record of the end, the whole trace in a file."""
    text = redact("".join(traceback.format_exception(error)))
    code = error.exit_code if isinstance(error, RaytemplateError) else 1
    end = RunEnd(
        state="failed", exit_code=code, ended=datetime.now(UTC), wall_clock_s=meter.elapsed_s(),
        cost_usd=meter.spent_usd(), family=plan.fit.family, timings=(), message=str(error),
        trouble=getattr(error, "trouble", "code"), retry=getattr(error, "retry", "after a change"),
    )  # fmt: skip
    try:
        (journal.folder / "error.txt").write_text(text)
        journal.write(end)
    except (OSError, RaytemplateError) as second:
        # A full disk is often why it failed: say so with the first error, and leave the run unfinished.
        error.add_note(f"the failure could not be recorded: {second}")
