"""The gate `slice-gap`: how far apart slices may be, for fairness."""

import math
from typing import ClassVar

from raytemplate.evaluation.metrics.metric import range_of
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import limit, measured
from raytemplate.governance.gates.sliced import SliceLimits, named
from raytemplate.records.evaluated import Slice
from raytemplate.records.judged import Finding


class SliceGap(SliceLimits):
    """Limits the difference of a metric between the two slices of each column that are furthest apart.

    For `selection-rate` this is the demographic parity difference; `true-positive-rate` and `false-positive-rate` with
    the same limit are the equalized odds difference (Agarwal et al. 2018, "A Reductions Approach to Fair
    Classification", ICML).
    """

    of: ClassVar[str] = " apart"

    @staticmethod
    def possible(name: str) -> tuple[float, float]:
        """From no gap to the widest that two values of the metric can have."""
        least, most = range_of(name)
        return 0.0, most - least

    def check(self, evidence: Evidence) -> Finding:
        """Passes if no two slices with enough rows are further apart; names the two that are furthest."""
        if (cannot := self.missing("slice-gap", evidence, least=2)) is not None:
            return cannot
        found: list[str] = []
        kept = True
        for name, bound in self.limits.items():
            low, high = self._furthest(evidence, name)
            gap = _value(high, name) - _value(low, name)
            kept = kept and gap <= bound  # NaN is never within
            found.append(f"{name} {measured(gap)} ({named([low, high])})")
        return Finding(
            gate="slice-gap",
            outcome="pass" if kept else "block",
            found="; ".join(found),
            required="; ".join(f"at most {limit(bound)} apart" for bound in self.limits.values()),
        )

    def _furthest(self, evidence: Evidence, name: str) -> tuple[Slice, Slice]:
        """The lowest and the highest slice of the column in which they are furthest apart."""
        pairs: list[tuple[Slice, Slice]] = []
        for by in self.by:
            slices = [one for one in self.slices(evidence) if one.by == by]
            ordered = sorted(slices, key=lambda one: _value(one, name))
            unknown = [one for one in slices if math.isnan(_value(one, name))]
            pairs.append((ordered[0], unknown[0] if unknown else ordered[-1]))
        return max(pairs, key=lambda pair: _badness(_value(pair[1], name) - _value(pair[0], name)))


def _badness(gap: float) -> float:
    return math.inf if math.isnan(gap) else gap


def _value(one: Slice, name: str) -> float:
    return one.candidate[name].estimate.value
