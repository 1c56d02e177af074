"""The gate `slice-limit`: how bad a metric may be in any part of the test rows."""

import math

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import measured
from raytemplate.governance.gates.limits import required, within
from raytemplate.governance.gates.sliced import SliceLimits, named
from raytemplate.loss import loss
from raytemplate.records.evaluated import MetricValue, Slice
from raytemplate.records.judged import Finding


class SliceLimit(SliceLimits):
    """Limits by metric that every slice must keep: `{by: carrier, mae: 15, min_rows: 500}`."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if every slice with enough rows keeps every limit; names the worst one."""
        if (cannot := self.missing("slice-limit", evidence, least=1)) is not None:
            return cannot
        slices = self.slices(evidence)
        worst = {name: max(slices, key=lambda one, name=name: _badness(one, name)) for name in self.limits}
        values = {name: one.candidate[name] for name, one in worst.items()}
        broken = [
            one for one in slices if not all(within(one.candidate[name], bound) for name, bound in self.limits.items())
        ]
        return Finding(
            gate="slice-limit",
            outcome="block" if broken else "pass",
            found="; ".join(f"{name} {_said(values[name])} ({named([worst[name]])})" for name in self.limits),
            required="; ".join(required(values[name], bound) for name, bound in self.limits.items()),
            hint=_others(broken, list(worst.values())),
        )


def _badness(one: Slice, name: str) -> float:
    metric = one.candidate[name]
    value = metric.estimate.value
    if math.isnan(value):
        return math.inf  # a slice without a value is never within
    return loss(value, higher_is_better=metric.higher_is_better)


def _said(metric: MetricValue) -> str:
    value = metric.estimate.value
    return "has no value" if math.isnan(value) else measured(value)


def _others(broken: list[Slice], named_already: list[Slice]) -> str:
    more = [one for one in broken if one not in named_already]
    shown = ", ".join(named([one]) for one in more[:5])
    rest = f" and {len(more) - 5} more" if len(more) > 5 else ""
    return f"beyond the limit as well: {shown}{rest}" if more else ""
