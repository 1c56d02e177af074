"""The gate `latency`: how long predictions may take."""

from typing import Annotated

from pydantic import Field

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.options import GateOptions
from raytemplate.quantities import Duration
from raytemplate.records.evaluated import Latency
from raytemplate.records.judged import Finding
from raytemplate.units import show_milliseconds


class LatencyGate(GateOptions):
    """Limits the candidate's time for a batch, encoding included, in the process that evaluates it."""

    p95: Duration
    """Longest time within which 95 of 100 batches are predicted, such as `50 ms`."""

    rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Rows of a batch. Default: 1."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if the measured time is within the limit."""
        latency = evidence.evaluation.latency
        if latency is None or latency.num_rows != self.rows:
            measured = "it was not measured" if latency is None else f"it was measured for {_rows(latency)}"
            return Finding(gate="latency", outcome="error", found=measured, hint="run again: evaluation measures it")
        return Finding(
            gate="latency",
            outcome="pass" if latency.p95_s <= self.p95 else "block",
            found=f"{show_milliseconds(latency.p95_s)} for {_rows(latency)}",
            required=f"at worst {show_milliseconds(self.p95)}",
        )


def _rows(latency: Latency) -> str:
    return "1 row" if latency.num_rows == 1 else f"{latency.num_rows:,} rows"
