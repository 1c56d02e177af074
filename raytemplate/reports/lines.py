"""The progress of a run in lines: for a log, a script or a notebook cell."""

import sys
import time
from contextlib import suppress
from typing import TextIO

from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.run import StageName
from raytemplate.records.swept import SweepResult, TrialRecord
from raytemplate.reports.listener import Listener
from raytemplate.reports.progress import (
    epoch_line,
    evaluate_text,
    fit_text,
    govern_text,
    ingest_text,
    stage_line,
    sweep_text,
    trial_line,
)
from raytemplate.reports.visible import visible
from raytemplate.reports.wording import head_line

_SECONDS_BETWEEN_EPOCHS = 5.0
_WORKING = {"ingest": "reading", "sweep": "searching", "fit": "training", "evaluate": "scoring", "govern": "judging"}


class Lines(Listener):
    """Prints a line when a stage begins, one when it ends, and now and then one for an epoch.

    Args:
        out: the stream to print on; default: the output of the notebook cell, or stderr outside a notebook.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._drop = ""
        self._last_line = time.monotonic()

    def started(self, plan: RunPlan, run_id: str) -> None:
        """Print the head line."""
        self._drop = plan.ingest.drop
        self.say(head_line(plan, run_id) + "\n")
        self.show("waiting for Ray")

    def stage_started(self, stage: StageName) -> None:
        """Print what the stage does."""
        self.show(f"{stage:<11}{_WORKING[stage]}")

    def epoch(self, record: EpochRecord, plan: RunPlan, left_s: float) -> None:
        """Print an epoch: rate, metric, and the training time left at this pace."""
        fit = plan.fit
        pace = record.wall_clock_s / max(1, record.epoch)
        left = max(0.0, min(left_s, pace * (fit.num_epochs - record.epoch)))
        rate = record.num_rows * max(1, fit.workers) / record.loop_s if record.loop_s else 0.0
        line = epoch_line(record.epoch, fit.num_epochs, fit.metric, record.validation, rate, left, step=fit.step)
        self.show_epoch(f"{'fit':<11}{line}", record.epoch, fit.num_epochs)

    def trial(self, record: TrialRecord, best: TrialRecord | None, left_s: float) -> None:
        """Print a trial: how it ended, the best so far and the time left for more."""
        self.show_epoch(f"{'sweep':<11}{trial_line(record, best, left_s)}", 0, 0)

    def stage_ended(self, stage: StageName, record: object, seconds: float) -> None:
        """Print one line for the stage."""
        self.say(stage_line(stage, _text(record, self._drop), seconds))
        for line in record.unfinished if isinstance(record, FitResult) else ():
            self.say(f"    {line}")

    def note(self, text: str) -> None:
        """Print the note on a line of its own."""
        self.say(text)

    def show(self, text: str) -> None:
        """Print what is being done now."""
        self.say(f"  … {text}")

    def show_epoch(self, text: str, done: int, of: int) -> None:
        """Print how many epochs are done; at most one line every few seconds."""
        if time.monotonic() - self._last_line > _SECONDS_BETWEEN_EPOCHS:
            self.show(text)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        with suppress(OSError):  # the reader has gone; the run continues
            print(visible(text), file=self.out(), flush=True)
        self._last_line = time.monotonic()

    def out(self) -> TextIO:
        """The stream that lines go to."""
        return self._out or (sys.stdout if "ipykernel" in sys.modules else sys.stderr)


def _text(record: object, drop: str) -> str:
    match record:
        case Snapshot():
            return ingest_text(record, drop)
        case SweepResult():
            return sweep_text(record)
        case FitResult():
            return fit_text(record)
        case Evaluation():
            return evaluate_text(record)
        case VerdictRecord():
            return govern_text(record.verdict)
        case _:
            return ""
