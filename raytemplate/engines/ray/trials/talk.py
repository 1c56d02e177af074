"""Messages between a trial and its sweep, wherever the trial trains."""

import queue
from dataclasses import replace

from ray.exceptions import RayActorError

from raytemplate.engines.ray.trials.trial_rows import RowsLate
from raytemplate.engines.ray.trouble import translate
from raytemplate.errors import Diverged, EngineError, OutOfMemory, RaytemplateError, Unavailable
from raytemplate.execution.trials import Ended, Said


class Talk:
    """A channel on which a trial reports its epochs and its end, and the sweep answers when the trial asks."""

    def __init__(self) -> None:
        self._said: queue.Queue[Said] = queue.Queue()
        self._answers: queue.Queue[bool] = queue.Queue()

    def say(self, said: Said) -> None:
        """Report something to the sweep."""
        self._said.put(said)

    def news(self, timeout_s: float) -> list[Said]:
        """Everything reported since the last call, as soon as there is something; nothing if time runs out."""
        try:
            found = [self._said.get(timeout=timeout_s)]
        except queue.Empty:
            return []
        while not self._said.empty():
            found.append(self._said.get())
        return found

    def answer(self, go_on: bool) -> None:
        """Answer the trial, which waits."""
        self._answers.put(go_on)

    def goes_on(self) -> bool:
        """Whether the trial may continue; waits for the answer."""
        return self._answers.get()


def ended_by(error: BaseException) -> Ended:
    """The report of a trial that ended with an error."""
    if isinstance(error, RowsLate):
        return Ended(how="trained", stopped="budget.time", problem=str(error), waited=True)
    how = "diverged" if isinstance(error, Diverged) else "failed"
    what = error.what if isinstance(error, RaytemplateError) else f"{type(error).__name__}: {error}"
    return Ended(how=how, problem=what, lost=_is_lost(error))


def died(error: BaseException) -> Ended:
    """The report for a trial whose process died or could not start."""
    told = f"its process died: {_last_line(error)}" if isinstance(error, RayActorError) else _last_line(error)
    return replace(ended_by(translate("sweep", error) or error), problem=told)


def _is_lost(error: BaseException) -> bool:
    """Whether a machine or storage failed, so that a retry may work. Out of memory, or a crash, may happen again."""
    return isinstance(error, Unavailable) and not isinstance(error, EngineError | OutOfMemory)


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
