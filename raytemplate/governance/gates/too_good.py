"""The gate `too-good`: results that are too good to be true until a person says why they are."""

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

_NEXT_TO_NOTHING = 1e-4  # of the baseline's distance from the perfect end
_FEWEST_ROWS = 100  # of fewer a sound model may well have every one right
_PLAIN = re.compile(r"[A-Za-z_]\w*")


class TooGood(GateOptions):
    """No metric of the candidate may be at its perfect end, and no column alone may explain the target on the test
    rows: such a column was most likely written after the target was known.
    """

    severity: Severity = "hold"
    """What a result that is too good does: `hold` leaves it to a person (`raytemplate promote RUN --reason ...`),
    `block` refuses promotion, `warn` only says so. Default: hold."""

    explained: Annotated[float, Field(gt=0, le=1)] = 0.98
    """One column alone explains less than this: 1 - its loss / that of the best constant, of the deciding metric, on
    test rows that it was not fitted on. Default: 0.98."""

    accept: Mapping[str, Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]] = {}
    """Columns that may explain the target, each with the reason why it is known when a prediction is made. A perfect
    metric is accepted too if the model leans on such a column most. Default: none."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes where nothing is too good; skips where no column was looked at."""
        evaluation = evidence.evaluation
        looked_at = [one for one in evaluation.columns if math.isfinite(_share(one))]
        if not looked_at:
            return Finding(gate="too-good", outcome="skip", found="no column was looked at alone")
        alone = sorted(looked_at, key=_share, reverse=True)
        over = [one for one in alone if _share(one) >= self.explained and one.column not in self.accept]
        if over:
            most, *others = over
            more = f"; so does {', '.join(one.column for one in others)}" if others else ""
            found = f"{most.column} alone explains {_share(most):.2f} of the target{more}"
            return self._blocked(found, f"below {limit(self.explained)}", most.column)
        leading = _leading(looked_at)
        perfect = _perfect(evaluation)
        if perfect and leading not in self.accept:
            return self._blocked(f"{perfect} is perfect; it comes from {leading} most", "not perfect", leading)
        return Finding(
            gate="too-good", outcome="pass", found=self._told(alone[0]), required=f"below {limit(self.explained)}"
        )

    def _blocked(self, found: str, required: str, column: str) -> Finding:
        written = column if _PLAIN.fullmatch(column) else json.dumps(column, ensure_ascii=False)
        hint = f'accept: {{{written}: "why it is known at prediction time"}}'
        return Finding(gate="too-good", outcome="block", found=found, required=required, hint=hint)

    def _told(self, most: ColumnEvidence) -> str:
        share = _share(most)
        if share >= self.explained:
            return f"{most.column} alone explains {share:.2f}, accepted: {self.accept[most.column]}"
        down = math.floor(100 * share) / 100  # what is below the limit must not be rounded up to it
        return f"{most.column} alone explains {down:.2f}"


def _share(one: ColumnEvidence) -> float:
    return math.nan if one.explained is None else one.explained


def _leading(columns: Sequence[ColumnEvidence]) -> str:
    """The column that the model leans on most; if that was not measured, the one that explains most."""
    leant_on = [one for one in columns if one.importance is not None and math.isfinite(one.importance.value)]
    if leant_on:
        return max(leant_on, key=lambda one: one.importance.value if one.importance else 0.0).column
    return max(columns, key=_share).column


def _perfect(evaluation: Evaluation) -> str:
    """The first metric at its perfect end, with its value; empty if there is none, and where few rows were tried."""
    if evaluation.num_rows < _FEWEST_ROWS:
        return ""
    baseline = evaluation.baseline.metrics if evaluation.baseline else {}
    for name, metric in evaluation.candidate.metrics.items():
        best = metric_of(name).best
        if best is None:
            continue
        worst = abs(baseline[name].estimate.value - best) if name in baseline else 0.0
        if abs(metric.estimate.value - best) <= _NEXT_TO_NOTHING * (worst if math.isfinite(worst) else 0.0):
            return f"{name} {metric.estimate.value:.3g}"
    return ""
