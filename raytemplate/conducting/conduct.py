"""One process's work on a run: it binds engines to ports, executes the stages, and handles every way to end."""

from contextlib import ExitStack

from raytemplate.budget import Meter
from raytemplate.conducting.bind import Bound
from raytemplate.conducting.stating import keep_statement
from raytemplate.conducting.timekeeper import Timekeeper
from raytemplate.conducting.watchdog import watched
from raytemplate.conducting.work import Work
from raytemplate.engines.ray.clusters.lost import ending_with_ray
from raytemplate.errors import EngineError, Interrupted, RaytemplateError
from raytemplate.execution.failure import failed
from raytemplate.execution.interrupted import kept
from raytemplate.execution.journal import Journal
from raytemplate.execution.run_log import log_failure
from raytemplate.planning.stages import RunPlan


def conduct(work: Work) -> None:
    """Execute the stages of a run on which only this process works; leaves nothing running.

    Raises:
        KeyboardInterrupt, Interrupted: passed on; see `execution.interrupted`.
        RaytemplateError: the run failed; recorded as its end.
    """
    plan, journal = work.plan, work.journal
    with ExitStack() as stack:
        meter = plan.limits.meter(journal.spent(), work.began)
        attempt = stack.enter_context(journal.attempt(meter))
        keeper = Timekeeper(plan, journal, meter, own=work.own_process)
        if work.own_process:
            stack.enter_context(watched(journal.folder, attempt, meter))
        stack.enter_context(keeper)
        stack.enter_context(ending_with_ray(lambda error: _lost(error, journal, plan, meter)))
        bound = stack.enter_context(Bound(work))
        try:
            execution = bound.execution(meter)
            if work.judged:
                execution.run()
                keep_statement(journal, work.workspace, work.listener)
            else:
                execution.run_up_to_evaluation()
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
    """Record that Ray has gone, and return the error with which this process is about to end."""
    error.what += f"{kept(journal)}; nothing was promoted"
    error.args = (error.what,)
    told = failed(journal, plan, meter, error)
    log_failure(journal, error)
    return told
