"""How a run begins: its lock, its code and its first record, before anything is started."""

import getpass
import socket
from datetime import UTC, datetime
from pathlib import Path

from raytemplate.code.commit import commit_of
from raytemplate.code.files import take_along
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.planning.stages import RunPlan
from raytemplate.records.run import RunStart
from raytemplate.spec.schema import TemplateSpec


def begin(folder: Path, plan: RunPlan, spec: TemplateSpec | None, address: str) -> Journal:
    """The journal of a new run, in its folder.

    Args:
        spec: the resolved template; None if the run starts from a saved plan.
        address: the Ray cluster that executes the run; "" for a Ray of its own.
    """
    journal = Journal(folder)
    beside = Path(plan.template).absolute().parent
    take_along(plan.code, beside, journal.code)
    write_lock(journal, plan, spec)
    journal.write(
        RunStart(
            run_id=journal.run_id,
            name=plan.name,
            version=plan.version,
            plan_id=plan.id,
            template=plan.template,
            as_of=plan.as_of,
            started=datetime.now(UTC),
            planned_s=plan.forecast.seconds,
            host=socket.gethostname(),
            user=getpass.getuser(),
            address=address,
            planned_usd=plan.forecast.cost_usd,
            variant=plan.variant,
            commit=commit_of(beside),
        )
    )
    return journal
