"""Settings that the gates on slices share: which slices they look at."""

from collections.abc import Iterable
from typing import Annotated, cast

from pydantic import BeforeValidator, Field, WithJsonSchema

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.limits import MetricLimits
from raytemplate.records.evaluated import Slice
from raytemplate.records.judged import Finding

MIN_ROWS = 100
_BY_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def _several(value: object) -> object:
    """One name or a list of names, as a tuple: pydantic's strict mode does not accept a list for one."""
    if isinstance(value, str):
        return (value,)
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


class SliceLimits(MetricLimits):
    """Limits on metrics in slices of the test rows."""

    by: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1), WithJsonSchema(_BY_SCHEMA)]
    """One or more columns of `evaluation.slices` whose slices are checked."""

    min_rows: Annotated[int, Field(ge=1)] = MIN_ROWS
    """Slices with fewer test rows are ignored, because chance alone can make them look bad. Default: 100."""

    def slices(self, evidence: Evidence) -> tuple[Slice, ...]:
        """The slices with enough rows."""
        there = evidence.evaluation.slices
        return tuple(one for one in there if one.by in self.by and one.num_rows >= self.min_rows)

    def missing(self, gate: str, evidence: Evidence, *, least: int) -> Finding | None:
        """Why the gate cannot judge, as a finding; None if it can.

        Args:
            least: slices that the gate needs of each column.
        """
        there = evidence.evaluation.slices
        if absent := [by for by in self.by if not any(one.by == by for one in there)]:
            hint = f"add {', '.join(absent)} to evaluation.slices and run again"
            return Finding(gate=gate, outcome="error", found=f"no slices by {', '.join(absent)}", hint=hint)
        enough = self.slices(evidence)
        if few := [by for by in self.by if sum(one.by == by for one in enough) < least]:
            many = "one slice" if least == 1 else f"{least} slices"
            found = f"fewer than {many} by {', '.join(few)} with {self.min_rows:,} rows"
            return Finding(gate=gate, outcome="error", found=found, hint="lower min_rows, or test on more rows")
        if unknown := [name for name in self.limits if name not in enough[0].candidate]:
            hint = f"add {', '.join(unknown)} to evaluation.also"
            return Finding(gate=gate, outcome="error", found=f"{', '.join(unknown)} was not computed", hint=hint)
        return None


def named(slices: Iterable[Slice]) -> str:
    """ "carrier UA" ; several by "and"."""
    return " and ".join(f"{one.by} {one.value}" for one in slices)
