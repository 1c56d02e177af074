"""Plugs our own rules into Ray Train's controller of a worker group; a rule ends the training by raising.

With Ray's private parts, rules are called at every poll of the workers and every change of state. With public parts
only, they are called when workers raise, and each rank checks by itself whether it must end.
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
    """A rule that may end a training. It runs in the controller's process, on the machine that started the training."""

    def looked(self, error: WorkerGroupError | None) -> None:
        """Called after each poll of the workers.

        Args:
            error: what they raised; None if nothing, or if it follows from the draining of a machine.
        """
        ...

    def changed(self, to: Change, error: Exception | None) -> None:
        """Called when workers begin to train, or are about to be restarted.

        Args:
            to: "trains", or why they are restarted: they were lost, could not start, or found no room.
            error: what caused the restart, if anything.
        """
        ...


def conducted(loop: Loop, rules: Sequence[Rule], end: Path) -> tuple[Loop, Any]:
    """The loop to run on Ray Train's workers, and the callback for their controller that applies the rules.

    Args:
        end: a file; once it exists, even a loop that never asks for the time is ended.
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
    """The loop, in a process that ends itself once the file `end` exists: the rules then decide what that means.

    A foreign error gets its traceback as a note, which would otherwise be lost on the way to another process.
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
