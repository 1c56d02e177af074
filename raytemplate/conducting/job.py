"""A cluster's part of a submitted run: `python -m raytemplate.conducting.job STORAGE RUN`, as a Ray job.

It ingests, trains and evaluates, and leaves its records and the model's bytes in shared storage. It does not judge.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

from raytemplate.conducting.promoter import NoPromoter
from raytemplate.conducting.timekeeper import Timekeeper
from raytemplate.conducting.watchdog import watched
from raytemplate.data.masking import masker_of
from raytemplate.data.sources.locations import is_uri
from raytemplate.ending import told_by
from raytemplate.engines.mlflow.flavor import package
from raytemplate.engines.ray.clusters.attached import AttachedRay
from raytemplate.engines.ray.engine import RayEngine
from raytemplate.errors import PlanError, RaytemplateError
from raytemplate.execution.execute import Execution
from raytemplate.execution.handover import read_handover, shared_journal, shared_store, spent_until_job
from raytemplate.execution.journal import LOCK
from raytemplate.execution.lock import read_lock
from raytemplate.execution.time_left import refuse_spent
from raytemplate.planning.stages import RunPlan
from raytemplate.plugins import bug
from raytemplate.records.run import RunEnd
from raytemplate.redact import redacted_stream
from raytemplate.reports.listener import Listener
from raytemplate.store.locks import FileLock

ERROR_MARK = "raytemplate-error "
"""Prefix of the line in a job's log that tells the submitting command how the job failed."""


def work(storage: Path, run_id: str, began: float) -> None:
    """Execute every stage up to the evaluation.

    Raises:
        PlanError: the cluster does not see the storage or the data.
        RaytemplateError: a stage failed.
    """
    shared = shared_journal(storage, run_id)
    if not (shared.folder / LOCK).is_file():
        raise PlanError(
            f"the cluster does not see {shared.folder}, which was written on the machine of the command",
            next_step="set tracking.storage to a folder that both see",
        )
    plan, handover = read_lock(shared).plan, read_handover(shared)
    _refuse_unseen(plan)
    if plan.ingest.mask is not None:
        masker_of(plan.ingest.mask)  # reports a missing key before anything is read
    shared.supersede(RunEnd)  # left by an earlier job that its watchdog ended
    spent = spent_until_job(shared, time.monotonic() - began, plan.limits.usd_per_s)
    meter = plan.limits.meter(spent, began)
    refuse_spent(plan, shared, meter)
    ray = AttachedRay("auto").start()
    with (
        FileLock(shared.active, 0.0),
        shared.attempt(meter) as attempt,
        watched(shared.folder, attempt, meter),
        Timekeeper(plan, shared, meter, own=True) as keeper,
    ):
        try:
            engine = RayEngine(ray, plan, shared.folder)
            Execution(
                plan=plan,
                journal=shared,
                engine=engine,
                promoter=NoPromoter(),
                store=shared_store(storage),
                meter=meter,
                listener=Listener(),
                champion_now=lambda: handover.champion,
                package=package,
            ).run_up_to_evaluation()
        except (KeyboardInterrupt, SystemExit) as error:  # Ray turns SIGTERM into SystemExit
            if (late := keeper.was_late()) is None:
                raise
            raise keeper.failed(late) from error
        except Exception as error:  # recorded, and raised again
            told = keeper.failed(error)
            if told is error:
                raise
            raise told from error
        finally:
            ray.stop()


def _refuse_unseen(plan: RunPlan) -> None:
    files = (file.path for file in plan.ingest.files if file.size_bytes and not is_uri(file.path))
    paths = (Path(plan.ingest.root) / file for file in files)
    unseen = next((path for path in paths if not path.exists()), None)
    if unseen is not None:
        raise PlanError(
            f"the cluster does not see the data: {unseen}", next_step="set data.source to a location that both see"
        )


def _run(storage: str, run_id: str) -> int:
    try:
        work(Path(storage), run_id, time.monotonic())
    except RaytemplateError as error:
        return _told(error)
    except Exception as error:  # whatever it is, the command that follows the job must learn of it
        traceback.print_exc()
        return _told(bug(error))
    return 0


def _told(error: RaytemplateError) -> int:
    told = {"error": type(error).__name__, "what": error.what, "next_step": error.next_step}
    print(ERROR_MARK + json.dumps(told))
    return error.exit_code


def main() -> NoReturn:
    """Run the job, and end this process with the exit code of the outcome."""
    sys.stdout, sys.stderr = redacted_stream(sys.stdout), redacted_stream(sys.stderr)
    told_by(_told)
    code = _run(*sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
