"""The gate `too-good`: results that are too good to be true until a person explains them."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import limit
from raytemplate.governance.options import GateOptions, Severity
from raytemplate.records.evaluated import ColumnEvidence, Evaluation
from raytemplate.records.judged import Finding

_NEXT_TO_NOTHING = 1e-4
"""Distance from a perfect value that still counts as perfect, as a share of the baseline's distance."""
_NO_DISTANCE = 1e-9
_FEWEST_ROWS = 100
"""Fewest test rows to judge by: of fewer a sound model may well predict every one correctly."""
_PLAIN = re.compile(r"[A-Za-z_]\w*")


class TooGood(GateOptions):
    """No metric of the candidate may be perfect, and no single column may explain the target on the test rows: such a
    column was most likely written after the target was known.
    """

    severity: Severity = "hold"
    """What a result that is too good does: `hold` leaves it to a person (`raytemplate promote RUN --reason ...`),
    `block` refuses promotion, `warn` only reports it. Default: hold."""

    explained: Annotated[float, Field(gt=0, le=1)] = 0.98
    """Share of the target that every single column must stay below: 1 - its loss / that of the best constant, in the
    deciding metric, on test rows that it was not fitted on. Default: 0.98."""

    accept: Mapping[str, Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]] = {}
    """Columns that may explain the target, each with the reason why it is known when a prediction is made. A perfect
    metric is accepted too if the model relies most on such a column. Default: none."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if nothing is too good and every column was looked at; skips if the record names no column."""
        evaluation = evidence.evaluation
        alone = sorted((one for one in evaluation.columns if math.isfinite(_share(one))), key=_share, reverse=True)
        over = [one for one in alone if _share(one) >= self.explained and one.column not in self.accept]
        if over:
            most, *others = over
            more = f"; so does {', '.join(one.column for one in others)}" if others else ""
            found = f"{most.column} alone explains {_share(most):.2f} of the target{more}"
            return self._blocked(found, f"below {limit(self.explained)}", most.column)
        perfect, leads = _perfect(evaluation), leading(evaluation.columns)
        if perfect and leads not in self.accept:
            relies = f"; the model relies most on {leads}" if leads else ""
            return self._blocked(f"{perfect} is perfect{relies}", "not perfect", leads)
        if not evaluation.columns:
            return Finding(gate="too-good", outcome="skip", found="no column was looked at alone")
        measured = {one.column for one in alone} | self.accept.keys()
        if missed := [one.column for one in evaluation.columns if one.column not in measured]:
            return self._unmeasured(missed, len(evaluation.columns))
        return Finding(
            gate="too-good", outcome="pass", found=self._told(alone), required=f"below {limit(self.explained)}"
        )

    def _unmeasured(self, missed: Sequence[str], num_columns: int) -> Finding:
        return Finding(
            gate="too-good",
            outcome="block",
            found=f"{num_columns - len(missed)} of {num_columns} columns looked at",
            required="every column",
            hint="a greater budget.time, or fewer columns in features",
        )

    def _blocked(self, found: str, required: str, column: str) -> Finding:
        written = column if _PLAIN.fullmatch(column) else json.dumps(column, ensure_ascii=False)
        hint = f'accept: {{{written}: "why it is known at prediction time"}}' if column else ""
        return Finding(gate="too-good", outcome="block", found=found, required=required, hint=hint)

    def _told(self, alone: Sequence[ColumnEvidence]) -> str:
        if not alone:
            return "every column is accepted"
        most, share = alone[0], _share(alone[0])
        if share >= self.explained:
            return f"{most.column} alone explains {share:.2f}, accepted: {self.accept[most.column]}"
        down = math.floor(100 * share) / 100  # a share below the limit must not be rounded up to it
        return f"{most.column} alone explains {down:.2f}"


def _share(one: ColumnEvidence) -> float:
    return math.nan if one.explained is None else one.explained


def leading(columns: Sequence[ColumnEvidence]) -> str:
    """The column the model relies on most, or else the one that explains most; "" if nothing was measured."""
    leant_on = [(one.importance.value, one.column) for one in columns if one.importance is not None]
    alone = [(_share(one), one.column) for one in columns]
    for measured in (leant_on, alone):
        if known := [one for one in measured if math.isfinite(one[0])]:
            return max(known, key=lambda one: one[0])[1]
    return ""


def _perfect(evaluation: Evaluation) -> str:
    """The first perfect metric, with its value; "" if there is none, or too few test rows."""
    if evaluation.num_rows < _FEWEST_ROWS:
        return ""
    baseline = evaluation.baseline.metrics if evaluation.baseline else {}
    for name, metric in evaluation.candidate.metrics.items():
        best = metric_of(name).best
        if best is None:
            continue
        worst = abs(baseline[name].estimate.value - best) if name in baseline else math.inf
        if worst <= _NO_DISTANCE:
            continue  # these rows cannot distinguish models, for example because all are of one class
        if abs(metric.estimate.value - best) <= _NEXT_TO_NOTHING * (worst if math.isfinite(worst) else 0.0):
            return f"{name} {metric.estimate.value:.3g}"
    return ""
