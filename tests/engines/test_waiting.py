"""Rules in Ray Train's controller, with Ray's own states but without a running Ray."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from ray.train import ControllerError, WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError, WorkerGroupStartupTimeoutError
from ray.train.v2._internal.execution.controller.state import ReschedulingState, RestartingState, RunningState
from ray.train.v2._internal.execution.failure_handling import DefaultFailurePolicy, FailureDecision
from ray.train.v2._internal.execution.worker_group.poll import WorkerGroupPollStatus, WorkerStatus

from raytemplate.engines.ray.private.conducting import conducted
from raytemplate.engines.ray.training.losses import START_TRY_S, WAIT_S, Losses, failure_config
from raytemplate.engines.ray.training.time_is_up import TimeIsUp
from raytemplate.errors import BudgetSpent, Unavailable
from raytemplate.execution.journal import Journal

pytestmark = pytest.mark.usefixtures("private_parts")

NO_ROOM = ControllerError(WorkerGroupStartupTimeoutError(4))
NO_START = ControllerError(WorkerGroupStartupFailedError("a worker died while it started"))
DIED = WorkerGroupError("words", {0: RuntimeError("gloo: Connection closed by peer")})


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def conducting(*rules):
    """The callback that applies rules, as passed to Ray's controller."""
    return conducted(print, rules, Path("/nowhere/end"))[1]


def restarting(error):
    return RestartingState(training_failed_error=error)


def rescheduling(error):
    return ReschedulingState(training_failed_error=error)


def test_a_training_waits_for_room_no_longer_than_it_may(tmp_path):
    clock = Clock()
    losses = conducting(Losses(Journal(tmp_path), 3, wait_s=60.0, clock=clock))
    losses.after_controller_state_update(RunningState(), restarting(DIED))
    for second in (10, 30, 59):
        clock.now = second
        losses.after_controller_state_update(restarting(DIED), rescheduling(NO_ROOM))
    clock.now = 61.0
    with pytest.raises(Unavailable, match=r"no room for the workers for 60 s") as ended:
        losses.after_controller_state_update(restarting(DIED), rescheduling(NO_ROOM))
    assert ended.value.next_step == f"raytemplate resume {tmp_path.name}"
    assert [r.why[:38] for r in Journal(tmp_path).restarts()] == ["a connection between workers was lost:"]


def test_workers_that_train_again_have_waited(tmp_path):
    clock = Clock()
    losses = conducting(Losses(Journal(tmp_path), 3, wait_s=60.0, clock=clock))
    for start in (0.0, 100.0, 200.0):
        clock.now = start
        losses.after_controller_state_update(RunningState(), restarting(DIED))
        clock.now = start + 50.0
        losses.after_controller_state_update(restarting(DIED), rescheduling(NO_ROOM))
        losses.after_controller_state_update(rescheduling(NO_ROOM), RunningState())
    assert len(Journal(tmp_path).restarts()) == 3


def test_workers_that_cannot_be_started_are_lost_ones(tmp_path):
    losses = conducting(Losses(Journal(tmp_path), 2, clock=Clock()))
    for _ in range(2):
        losses.after_controller_state_update(RunningState(), rescheduling(NO_START))
    with pytest.raises(ControllerError, match="died while it started"):
        losses.after_controller_state_update(RunningState(), rescheduling(NO_START))
    assert len(Journal(tmp_path).restarts()) == 3


def polled(*errors):
    return WorkerGroupPollStatus(
        {rank: WorkerStatus(running=error is None, error=error) for rank, error in enumerate(errors)}
    )


@pytest.mark.parametrize(
    ("errors", "ends"),
    [
        ((None, None), False),
        ((RuntimeError("gloo"), None), False),
        ((None, ValueError("three")), True),
        ((RuntimeError("gloo"), ValueError("three")), True),
        ((MemoryError("no"), None), True),
    ],
    ids=["none", "a connection", "own code", "own code and what follows", "memory"],
)
def test_only_what_was_lost_is_started_again(tmp_path, errors, ends):
    losses, status = conducting(Losses(Journal(tmp_path), 3)), polled(*errors)
    if not ends:
        losses.after_worker_group_poll_status(status)
        return
    with pytest.raises(ControllerError) as raised:
        losses.after_worker_group_poll_status(status)
    policy = DefaultFailurePolicy(failure_config(3))
    assert policy.make_decision(raised.value) is FailureDecision.RAISE


@pytest.mark.parametrize("most", [0, 1, 3])
def test_ray_starts_nothing_again_without_end(most):
    config = failure_config(most)
    assert (config.max_failures, config.max_preemption_failures) == (most, most)
    assert 0 < config.controller_failure_limit <= WAIT_S / START_TRY_S + most
    policy = DefaultFailurePolicy(config)
    decisions = [policy.make_decision(DIED) for _ in range(most + 1)]
    assert decisions == [FailureDecision.RETRY] * most + [FailureDecision.RAISE]


def test_no_workers_are_started_again_when_there_is_no_time_for_them(tmp_path):
    conducting(TimeIsUp(tmp_path / "end")).after_controller_state_update(RunningState(), restarting(DIED))
    late = conducting(TimeIsUp(tmp_path / "end", no_start_s=time.monotonic() - 1))
    late.after_controller_state_update(restarting(DIED), RunningState())
    with pytest.raises(BudgetSpent):
        late.after_controller_state_update(RunningState(), restarting(DIED))


def test_workers_are_ended_once_they_are_told_to(tmp_path):
    told = conducting(TimeIsUp(tmp_path / "end"))
    told.after_worker_group_poll_status(polled(None, None))
    (tmp_path / "end").touch()
    with pytest.raises(BudgetSpent):
        told.after_worker_group_poll_status(polled(None, None))


def test_without_private_parts_losses_are_heard_of_and_own_errors_end_training(tmp_path, plain):
    heard = conducting(Losses(Journal(tmp_path), 3))
    heard.after_exception(None, {1: RuntimeError("gloo: Connection closed by peer")})
    assert [r.why[:38] for r in Journal(tmp_path).restarts()] == ["a connection between workers was lost:"]
    with pytest.raises(ControllerError, match="three"):
        heard.after_exception(None, {0: ValueError("three")})
    assert len(Journal(tmp_path).restarts()) == 1


DEAF = """
import sys, time
from pathlib import Path
from raytemplate.engines.ray.private.conducting import conducted

def deaf(config):
    print("trains", flush=True)
    time.sleep(3600)

conducted(deaf, [], Path(sys.argv[1]))[0]({})
"""


@pytest.mark.slow
def test_without_private_parts_a_loop_that_does_not_ask_is_ended_in_its_rank(tmp_path, plain):
    rank = subprocess.Popen([sys.executable, "-c", DEAF, str(tmp_path / "end")], stdout=subprocess.PIPE, text=True)
    assert rank.stdout.readline() == "trains\n"
    assert rank.poll() is None
    (tmp_path / "end").touch()
    assert rank.wait(20) == 1
    heard = conducting(TimeIsUp(tmp_path / "end"), Losses(Journal(tmp_path), 3))
    with pytest.raises(BudgetSpent, match="the budget has ended"):
        heard.after_exception(None, {0: RuntimeError("gloo: Connection closed by peer")})


def test_without_private_parts_an_error_keeps_where_it_was_raised(tmp_path, plain):
    def loop(config):
        raise ValueError(config)

    with pytest.raises(ValueError, match="three") as raised:
        conducted(loop, [], tmp_path / "end")[0]("three")
    assert f'File "{__file__}"' in raised.value.__notes__[0]
