"""Trials that are compared by several things: which of them no other beats, and which one is the candidate."""

from collections.abc import Sequence
from dataclasses import dataclass

from raytemplate.loss import loss
from raytemplate.records.swept import TrialRecord

SECONDS = "seconds"
"""The one objective that is no metric: how long a trial trained until its best epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """One thing that trials are compared by: a metric on the validation window, or `seconds`."""

    name: str
    higher_is_better: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """The rule of `tuning.pick`: `best` is an objective's name, `within` a share."""

    best: str
    within: float


def values_of(record: TrialRecord, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """A trial's values in the order of the objectives; the first is its validation."""
    assert record.validation is not None
    return (record.validation, *(float(record.also[one.name]) for one in objectives[1:]))


def add_to_front(
    front: Sequence[TrialRecord], record: TrialRecord, objectives: Sequence[Objective]
) -> list[TrialRecord]:
    """The trials that no other beats in one objective without being beaten in another, with one more looked at."""
    new = _losses(record, objectives)
    if any(_beats(_losses(one, objectives), new) for one in front):
        return list(front)
    return [*(one for one in front if not _beats(new, _losses(one, objectives))), record]


def front_of(trials: Sequence[TrialRecord], objectives: Sequence[Objective]) -> list[TrialRecord]:
    """All trials that no other beats, in their order."""
    front: list[TrialRecord] = []
    for record in trials:
        if record.is_promotable:
            front = add_to_front(front, record, objectives)
    return front


def picked(front: Sequence[TrialRecord], objectives: Sequence[Objective], pick: Pick) -> TrialRecord:
    """The trial of a front that the rule names; of equals the better in the first objective, then the earliest."""
    index = [one.name for one in objectives].index(pick.best)
    best = min(_losses(one, objectives)[0] for one in front)
    # A share of the figure's size: of a negative one too it is a margin for the worse.
    near = [one for one in front if _losses(one, objectives)[0] <= best + pick.within * abs(best)]
    return min(near, key=lambda one: (_losses(one, objectives)[index], _losses(one, objectives)[0], one.number))


def _losses(record: TrialRecord, objectives: Sequence[Objective]) -> tuple[float, ...]:
    values = values_of(record, objectives)
    return tuple(loss(v, higher_is_better=one.higher_is_better) for v, one in zip(values, objectives, strict=True))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
