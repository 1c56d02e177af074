"""What Optuna does for a sweep: it draws values and learns from results; `schedulers` decides which trials stop."""

from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState as State

from raytemplate.records.swept import TrialRecord
from raytemplate.tuning.front import Objective, values_of
from raytemplate.tuning.space import Knob, Scalar, draw_all


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The values of one trial."""

    asked: Any
    """Optuna's trial, from which they came."""

    values: dict[str, Scalar]
    """Field -> value."""


class Study:
    """An Optuna study in memory, rebuilt from the records when a sweep is resumed."""

    def __init__(
        self,
        *,
        space: tuple[Knob, ...],
        sampler: optuna.samplers.BaseSampler,
        objectives: tuple[Objective, ...],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._objectives = space, objectives
        self._study = optuna.create_study(
            sampler=sampler,
            pruner=optuna.pruners.NopPruner(),
            directions=["maximize" if one.higher_is_better else "minimize" for one in objectives],
        )

    @property
    def sampler(self) -> str:
        """Name of the class that draws."""
        return type(self._study.sampler).__name__

    def ask(self, point: dict[str, Any] | None = None) -> Drawn:
        """The values of a new trial: those of `point`, or drawn ones."""
        if point is not None:
            self._study.enqueue_trial(point)
        asked = self._study.ask()
        return Drawn(asked=asked, values=draw_all(self._space, asked))

    def teach(self, drawn: Drawn, record: TrialRecord) -> None:
        """Tells the search the result of a trial, to learn from."""
        if record.is_promotable:
            self._study.tell(drawn.asked, values_of(record, self._objectives))
        else:
            self.forget(drawn)

    def forget(self, drawn: Drawn) -> None:
        """Drops a trial, from which nothing is learned."""
        self._study.tell(drawn.asked, state=State.FAIL)
