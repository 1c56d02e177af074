"""Whether training ended while validation was still improving, and what a person should raise."""

import math

from raytemplate.planning.stages import FitStage, SweepStage
from raytemplate.planning.trial import epochs_field, trial_stage
from raytemplate.records.codec import Settings
from raytemplate.records.swept import TrialRecord
from raytemplate.tuning.draws import parse_draw
from raytemplate.tuning.space import Knob

_LAST = 0.1
"""Share of the epochs at the end: if the best one is among them, validation was still improving."""
_NEAR_END = 0.02
"""Share of a logarithmic range that counts as its end."""


def of_training(stage: FitStage, *, best: int, last: int, stopped: str) -> tuple[str, ...]:
    """One line about a training that chose its best epoch by validation; none if validation had stopped improving.

    Args:
        best: the epoch that was chosen.
        last: the last epoch trained.
        stopped: a `StopReason`, or the field of the budget that ended it.
    """
    if stage.with_validation or best <= (1 - _LAST) * last:
        return ()
    among = "is" if best == last else f"is {best:,}, among"
    which = f"the best {stage.step} {among} the last of"
    if stopped.startswith("budget."):
        return (f"{which} {last:,} trained, of {stage.num_epochs:,} asked for: raise {stopped}",)
    if stopped == "epochs" and last >= stage.num_epochs:
        return (f"{which} {last:,}: raise {epochs_field(stage)}",)
    return ()


def of_winner(sweep: SweepStage, best: TrialRecord) -> tuple[str, ...]:
    """The same for the winning trial, and a line for each of its values that is at an end of its range."""
    asked, budget = trial_stage(sweep, best.values), "budget.per_trial" if sweep.per_trial_s else "budget.time"
    counted = epochs_field(asked)
    short = best.state == "cut" or best.epochs == best.num_epochs < asked.num_epochs
    lines = of_training(asked, best=best.best_epoch, last=best.epochs, stopped=budget if short else "epochs")
    ends = [knob for knob in sweep.space if _is_end(knob, best.values) and (lines or knob.name != counted)]
    if counted in best.values and not short:  # the search has tried more epochs, unless the range ends there
        lines = ()
    return (
        *(f"trial {best.number} won: {line}" for line in lines),
        *(f"{one.name} {best.values[one.name]:.4g} is at the end of its range, {one.draw}: widen it" for one in ends),
    )


def _is_end(knob: Knob, values: Settings) -> bool:
    """Whether a value is at an end of its range that could be widened. The lower end of whole numbers and both ends of
    plain ranges are often the limits of what is possible at all, and do not count.
    """
    value, draw = values.get(knob.name), parse_draw(knob.draw)
    if value is None or draw.kind not in ("int", "loguniform"):
        return False
    if draw.kind == "int":
        return value == draw.highest
    share = math.log(value / draw.low) / math.log(draw.high / draw.low)
    return not _NEAR_END < share < 1 - _NEAR_END
