"""Trials with several objectives: which of them no other beats (the Pareto front), and which one is the candidate."""

from collections.abc import Sequence
from dataclasses import dataclass

from raytemplate.loss import loss
from raytemplate.records.swept import TrialRecord

SECONDS = "seconds"
"""The one objective that is not a metric: how long a trial trained until its best epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """One objective by which trials are compared: a metric on the validation window, or `seconds`."""

    name: str
    """Id of the metric, or "seconds"."""

    higher_is_better: bool = False
    """Whether greater values are better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """The rule of `tuning.pick`."""

    best: str
    """Name of the objective that decides."""

    within: float
    """How much worse than the best the first objective may be, as a share."""


def values_of(record: TrialRecord, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """A trial's values in the order of the objectives; the first is its validation metric."""
    assert record.validation is not None
    return (record.validation, *(float(record.also[one.name]) for one in objectives[1:]))


def add_to_front(
    front: Sequence[TrialRecord], record: TrialRecord, objectives: Sequence[Objective]
) -> list[TrialRecord]:
    """The front with one more trial considered: a trial leaves it if another is at least as good in every objective and
    better in one."""
    new = _losses(record, objectives)
    if any(_beats(_losses(one, objectives), new) for one in front):
        return list(front)
    return [*(one for one in front if not _beats(new, _losses(one, objectives))), record]


def front_of(trials: Sequence[TrialRecord], objectives: Sequence[Objective]) -> list[TrialRecord]:
    """All promotable trials that no other beats, in their order."""
    front: list[TrialRecord] = []
    for record in trials:
        if record.is_promotable:
            front = add_to_front(front, record, objectives)
    return front


def picked(front: Sequence[TrialRecord], objectives: Sequence[Objective], pick: Pick) -> TrialRecord:
    """The trial of a front that the rule picks; of equals the better in the first objective, then the earliest."""
    index = [one.name for one in objectives].index(pick.best)
    best = min(_losses(one, objectives)[0] for one in front)
    # A share of the absolute value, so that the margin is towards worse values even if the best is negative.
    near = [one for one in front if _losses(one, objectives)[0] <= best + pick.within * abs(best)]
    return min(near, key=lambda one: (_losses(one, objectives)[index], _losses(one, objectives)[0], one.number))


def _losses(record: TrialRecord, objectives: Sequence[Objective]) -> tuple[float, ...]:
    values = values_of(record, objectives)
    return tuple(loss(v, higher_is_better=one.higher_is_better) for v, one in zip(values, objectives, strict=True))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
