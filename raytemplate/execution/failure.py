"""How a run ends in its records. The first end stands: if the run's process, its watchdog or another process write one
at the same moment, only one is kept, and each process exits with the code of the end that stands.

`resume` puts an end aside before anything is started; only `rewrite_end`, after a person's decision, replaces one.
"""

import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from raytemplate.budget import Meter
from raytemplate.errors import RaytemplateError, from_code
from raytemplate.execution.journal import Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.records.run import RunEnd
from raytemplate.redact import redact

E = TypeVar("E", bound=Exception)


def keep_end(journal: Journal, end: RunEnd) -> RunEnd | None:
    """Keep how a run ended, unless an end is already recorded.

    Returns:
        The end recorded earlier; None if this one is the first.
    """
    stood = journal.read(RunEnd)
    if stood is None and not journal.write_first(end):
        stood = journal.need(RunEnd)
    return stood


def error_of(end: RunEnd, journal: Journal) -> RaytemplateError:
    """The error of a failed end that another process recorded."""
    return from_code(end.exit_code, end.message, f"raytemplate show {journal.run_id}")


def failed(journal: Journal, plan: RunPlan, meter: Meter, error: E) -> E | RaytemplateError:
    """Keep how a run failed.

    Returns:
        The error to end with: this one, or that of a failed end recorded earlier.
    """
    if isinstance(error, RaytemplateError) and error.retry == "as it is":
        error.next_step = error.next_step or f"raytemplate resume {journal.run_id}"
    stood = record_failure(journal, plan, meter, error)
    return error if stood is None or stood.state != "failed" else error_of(stood, journal)


def record_failure(journal: Journal, plan: RunPlan, meter: Meter, error: Exception) -> RunEnd | None:
    """Keep how a run failed: the message in its `RunEnd`, the whole traceback in a file.

    Returns:
        See `keep_end`.
    """
    text = redact("".join(traceback.format_exception(error)))
    code = error.exit_code if isinstance(error, RaytemplateError) else 1
    end = RunEnd(
        state="failed",
        exit_code=code,
        ended=datetime.now(UTC),
        wall_clock_s=meter.elapsed_s(),
        cost_usd=meter.spent_usd(),
        family=plan.fit.family,
        timings=(),
        message=str(error),
        trouble=getattr(error, "trouble", "code"),
        retry=getattr(error, "retry", "after a change"),
    )
    try:
        stood = keep_end(journal, end)
        if stood is None:
            (journal.folder / "error.txt").write_text(text)
    except (OSError, RaytemplateError) as second:
        # The cause is often a full disk: add that to the first error, and leave the run unfinished.
        error.add_note(f"the failure could not be recorded: {second}")
        return None
    return stood


def rewrite_end(journal: Journal) -> None:
    """Replace the end of a run after a person has changed its verdict."""
    end, promotion = journal.read(RunEnd), journal.read(PromotionRecord)
    if end is None:
        return
    state, code = ending(promotion)
    journal.write(replace(end, state=state, exit_code=code))
