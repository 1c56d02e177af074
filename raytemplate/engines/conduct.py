"""One process's work on a run: engines bound to ports, stages walked, and every way it can end."""

from __future__ import annotations

import traceback
from contextlib import ExitStack
from datetime import UTC, datetime

from raytemplate.budget import Meter
from raytemplate.engines.bind import Bound
from raytemplate.errors import Interrupted, RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Listener
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.redact import redact
from raytemplate.store.objects import ObjectStore
from raytemplate.store.workspace import Workspace


def conduct(plan: RunPlan, journal: Journal, place: Workspace, listener: Listener | None, began: float) -> None:
    """Walk the stages of a run that only this process works on; leaves nothing running.

    Args:
        began: `time.monotonic()` when the clock of the budget began.

    Raises:
        KeyboardInterrupt, Interrupted: as they came; see `execution.interrupted`.
        RaytemplateError: how it failed; recorded as the run's end.
    """
    with ExitStack() as stack:
        meter = plan.limits.meter(journal.spent(), began)
        stack.enter_context(journal.attempt(meter))
        bound = stack.enter_context(Bound(plan, journal, place, listener, journal.need(RunStart).address))
        try:
            bound.execution(meter, ObjectStore(place.models), lambda: champion_of(plan.name, place)).run()
        except (KeyboardInterrupt, Interrupted):
            bound.abandon()
            raise
        except RaytemplateError as error:
            record_failure(journal, plan, meter, error)
            raise
        except Exception as error:
            record_failure(journal, plan, meter, error)
            raise


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
