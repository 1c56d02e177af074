"""Which searched fields distinguish the good trials of a sweep: Optuna's PED-ANOVA."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from raytemplate.records.swept import TrialRecord
from raytemplate.tuning.draws import parse_draw
from raytemplate.tuning.space import Knob

_LEAST_TRIALS = 10
_LEAST_GOOD = 5
"""Fewest trials that count as good; Optuna requires this many."""
_GOOD = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Importance:
    """How much each searched field matters."""

    shares: tuple[tuple[str, float], ...] = ()
    """(field, share), the largest first, adding up to 1; empty if it cannot be told."""

    num_good: int = 0
    """Trials that counted as good."""

    num_trials: int = 0
    """All trials that they were compared with."""

    unseen: tuple[str, ...] = ()
    """Fields that no such trial drew."""

    why_not: str = ""
    """Why there are no shares; "" if there are."""


def importance(space: Sequence[Knob], trials: Sequence[TrialRecord], *, higher_is_better: bool) -> Importance:
    """How much each field distinguishes the best tenth of the trials, and at least five, from all of them.

    Trials that ended early count with the validation metric of their best epoch, as the search saw them; those that
    cannot win do not count. A field with a condition is compared among the trials that drew it.
    """
    counted = [one for one in trials if one.is_promotable and math.isfinite(one.validation or 0.0)]
    drawn = {name for one in counted for name in one.values}
    if len(space) < 2:
        return Importance(why_not="only one field is searched: there is nothing to compare it with")
    if len(counted) < _LEAST_TRIALS:
        return Importance(why_not=f"it takes {_LEAST_TRIALS} trials that may win, but there are {len(counted)}")
    if len({one.validation for one in counted}) == 1:
        return Importance(why_not="all trials have the same validation metric")
    good = max(_GOOD, _LEAST_GOOD / len(counted))
    shares = _shares(space, counted, good, higher_is_better=higher_is_better)
    return Importance(
        shares=shares,
        num_good=math.ceil(good * len(counted)),
        num_trials=len(counted),
        unseen=tuple(knob.name for knob in space if knob.name not in drawn),
    )


def _shares(
    space: Sequence[Knob], counted: Sequence[TrialRecord], good: float, *, higher_is_better: bool
) -> tuple[tuple[str, float], ...]:
    import optuna

    from raytemplate.tuning.ped_anova import PedAnovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {knob.name: parse_draw(knob.draw).distribution() for knob in space}
    study = optuna.create_study(direction="maximize" if higher_is_better else "minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                value=one.validation,
                params=dict(one.values),
                distributions={name: distributions[name] for name in one.values},
            )
            for one in counted
        ]
    )
    with warnings.catch_warnings():  # about fields that hardly any trial drew
        warnings.simplefilter("ignore")
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=good))
    return tuple(sorted(((name, float(share)) for name, share in found.items()), key=lambda one: (-one[1], one[0])))
