"""One process's work on a run: engines bound to ports, stages walked, and every way it can end."""

from __future__ import annotations

from contextlib import ExitStack

from raytemplate.budget import Meter
from raytemplate.conducting.bind import Bound
from raytemplate.conducting.timekeeper import Timekeeper
from raytemplate.conducting.watchdog import watched
from raytemplate.engines.ray.clusters.lost import ending_with_ray
from raytemplate.errors import EngineError, Interrupted, RaytemplateError
from raytemplate.execution.failure import failed
from raytemplate.execution.interrupted import kept
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Listener
from raytemplate.execution.run_log import log_failure
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunStart
from raytemplate.store.objects import ObjectStore
from raytemplate.store.workspace import Workspace


def conduct(
    plan: RunPlan, journal: Journal, place: Workspace, listener: Listener | None, began: float, *, own: bool
) -> None:
    """Walk the stages of a run that only this process works on; leaves nothing running.

    Args:
        began: `time.monotonic()` when the clock of the budget began.
        own: this process is the run's own, and may be ended if it outlasts its time.

    Raises:
        KeyboardInterrupt, Interrupted: as they came; see `execution.interrupted`.
        RaytemplateError: how it failed; recorded as the run's end.
    """
    with ExitStack() as stack:
        meter = plan.limits.meter(journal.spent(), began)
        attempt, keeper = stack.enter_context(journal.attempt(meter)), Timekeeper(plan, journal, meter, own=own)
        if own:
            stack.enter_context(watched(journal.folder, attempt, meter))
        stack.enter_context(keeper)
        stack.enter_context(ending_with_ray(lambda error: _lost(error, journal, plan, meter)))
        bound = stack.enter_context(Bound(plan, journal, place, listener, journal.need(RunStart).address, own=own))
        try:
            bound.execution(meter, ObjectStore(place.models), lambda: champion_of(plan.name, place)).run()
        except (KeyboardInterrupt, Interrupted) as error:
            bound.abandon()
            if (late := keeper.was_late()) is not None:
                raise keeper.failed(late) from error
            raise
        except Exception as error:  # recorded, and raised again
            told = keeper.failed(error)
            if told is error:
                raise
            raise told from error


def _lost(error: EngineError, journal: Journal, plan: RunPlan, meter: Meter) -> RaytemplateError:
    """Keep that Ray has gone; this process ends as soon as that is done, with the error that is returned."""
    error.what += f"{kept(journal)}; nothing was promoted"
    error.args = (error.what,)
    told = failed(journal, plan, meter, error)
    log_failure(journal, error)
    return told
