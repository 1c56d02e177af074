"""How rules of ours have a say where Ray Train conducts a worker group, and may end it by raising.

With private parts they hear of every look at the workers and of every change. With public ones only of what workers
raise, and a rank itself looks whether it is to end.
"""

import os
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from ray.train import UserCallback, WorkerGroupError

from raytemplate.engines.ray.private.switch import found
from raytemplate.errors import RaytemplateError

Change = Literal["trains", "lost", "not started", "no room"]
Loop = Callable[[Any], Any]
_INSIDE = "ray.train.v2._internal"
_LOOK_S = 0.5


class Rule(Protocol):
    """What may end a training from the process that conducts it, on the machine of the one that asked for it."""

    def looked(self, error: WorkerGroupError | None) -> None:
        """The workers were looked at. `error`: what they raised, if it does not follow from a machine's drain."""
        ...

    def changed(self, to: Change, error: Exception | None) -> None:
        """Workers train, or shall be started again: those that trained were lost, could not start or find no room."""
        ...


def conducted(loop: Loop, rules: Sequence[Rule], end: Path) -> tuple[Loop, Any]:
    """The loop for Ray Train's workers, and the callback with which they are conducted.

    Args:
        end: a file; once it is there, a loop that does not ask is ended too.
    """
    parts = found(
        f"{_INSIDE}.execution.callback:WorkerGroupCallback",
        f"{_INSIDE}.execution.callback:ControllerCallback",
        f"{_INSIDE}.execution.controller.state:RunningState",
        f"{_INSIDE}.execution.controller.state:RestartingState",
        f"{_INSIDE}.execution.controller.state:ReschedulingState",
        f"{_INSIDE}.exceptions:WorkerGroupStartupTimeoutError",
        f"{_INSIDE}.execution.worker_group.poll:WorkerGroupPollStatus.get_preemption_info",
        f"{_INSIDE}.execution.worker_group.poll:WorkerGroupPollStatus.get_worker_group_error",
    )
    return (_ended_from_inside(loop, end), _Heard(rules)) if parts is None else (loop, _seen(*parts)(rules))


def _seen(of_workers: Any, of_states: Any, trains: Any, restarts: Any, reschedules: Any, no_room: Any, *_: Any) -> Any:
    class Seen(of_workers, of_states):
        def __init__(self, rules: Sequence[Rule]) -> None:
            self._rules = rules

        def after_worker_group_poll_status(self, worker_group_status: Any) -> None:
            is_own = worker_group_status.errors and worker_group_status.get_preemption_info() is None
            for rule in self._rules:
                rule.looked(worker_group_status.get_worker_group_error() if is_own else None)

        def after_controller_state_update(self, previous_state: Any, current_state: Any) -> None:
            error = getattr(current_state, "training_failed_error", None)
            if isinstance(current_state, reschedules):
                failure = getattr(error, "controller_failure", None)
                self._change("no room" if isinstance(failure, no_room) else "not started", error)
            elif isinstance(current_state, trains | restarts):
                self._change("trains" if isinstance(current_state, trains) else "lost", error)

        def _change(self, to: Change, error: Exception | None) -> None:
            for rule in self._rules:
                rule.changed(to, error)

    return Seen


class _Heard(UserCallback):
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        words = "".join(line for each in worker_exceptions.values() for line in traceback.format_exception(each))
        error = WorkerGroupError(words, worker_exceptions)
        for rule in self._rules:
            rule.looked(error)
            rule.changed("lost", error)


def _ended_from_inside(loop: Loop, end: Path) -> Loop:
    """The loop in a process that ends itself once there is a file `end`: the rules are then asked what that means.

    Where an error that is none of ours was raised stays with it: on its way to another process that would be lost.
    """

    def until(config: Any) -> Any:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_LOOK_S):
                if end.exists():
                    os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
        try:
            return loop(config)
        except Exception as error:  # raised again
            if not isinstance(error, RaytemplateError):
                error.add_note(traceback.format_exc())
            raise
        finally:
            over.set()

    return until
