"""A run's report, from everything that the workspace holds about it."""

from raytemplate.execution.image import image_of
from raytemplate.execution.lock import read_lock
from raytemplate.history.catalog import event_rows
from raytemplate.history.runs import Run
from raytemplate.ledger.opening import open_ledger
from raytemplate.reports.page import MadeFrom, report_page
from raytemplate.store.workspace import Workspace


def report_of(run: Run, workspace: Workspace, *, with_profile: bool = True) -> str:
    """One self-contained HTML page.

    Args:
        with_profile: whether to describe the columns of the data, with values that are in it.

    Raises:
        IntegrityError: a record, or the ledger, was edited.
    """
    lock = read_lock(run.journal)
    image = image_of(run.journal, lock)
    made = MadeFrom(
        code_sha256=lock.code_sha256,
        environment={**lock.environment, **({"image": image} if image else {})},
        resolved=lock.resolved,
        origins=lock.origins,
        reasons=lock.reasons,
    )
    events = event_rows(open_ledger(workspace), lock.plan.name)
    statistics, profile = (run.journal.statistics().get("train"), run.profile) if with_profile else (None, None)
    return report_page(run.view(), made, events, statistics, profile=profile)
