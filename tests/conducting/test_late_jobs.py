"""How long the command waits for a job that has not ended when the time of its run is over."""

import time
from dataclasses import replace

import pytest

from raytemplate.conducting import submitted
from raytemplate.engines.ray.jobs.client import JobState
from raytemplate.errors import BudgetSpent
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.execution.watch import Watch
from raytemplate.records.submitted import SubmittedJob
from raytemplate.reports.listener import Listener
from raytemplate.testing.sample_plans import sample_plan

LIMIT_S = 0.5


class Standing:
    """A cluster whose job keeps its status forever; notes that it was told to stop it."""

    def __init__(self, status):
        self.status, self.stopped = status, 0

    def state(self, _):
        return JobState(status=self.status, message="", run_id="k7q2")

    def stop(self, _):
        self.stopped += 1


@pytest.mark.parametrize(
    ("status", "most_s", "says"),
    [
        ("PENDING", 1.5, "its job had not begun: it waited for its cluster"),
        ("RUNNING", 3.0, "its job had not ended by itself"),
    ],
)
def test_a_job_that_does_not_end_is_stopped_within_two_seconds_of_the_budget(tmp_path, status, most_s, says):
    journal = Journal(tmp_path / "k7q2")
    journal.folder.mkdir()
    plan = sample_plan(limits=replace(sample_plan().limits, time_s=LIMIT_S))
    write_lock(journal, plan, None)
    journal.write(
        SubmittedJob(address="http://head", submission_id="k7q2", storage=str(tmp_path / "shared"), key="", attempt=1)
    )
    meter, jobs = plan.limits.meter(journal.spent(), time.monotonic()), Standing(status)
    watch = Watch(plan, Listener(), journal.spent)
    with pytest.raises(BudgetSpent, match=says):
        submitted._follow(jobs, journal, watch, Listener(), submitted._Lateness(plan, journal, meter))
    assert LIMIT_S < meter.here().seconds < LIMIT_S + most_s
    assert jobs.stopped == 1
