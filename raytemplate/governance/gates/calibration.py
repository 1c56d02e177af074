"""The gate `calibration`: how far predicted probabilities may be from what comes true."""

from typing import Annotated

from pydantic import Field

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.figures import limit, measured
from raytemplate.governance.options import GateOptions
from raytemplate.records.judged import Finding


class Calibration(GateOptions):
    """Limits how far the candidate's probabilities may be from what comes true. For classes only."""

    max_error: Annotated[float, Field(ge=0, le=1)]
    """Largest expected calibration error: the mean distance, weighted by rows, between the predicted probability and
    the share that came true, over the bins of the record (the metric `ece`)."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if the error is within the limit; an error if there are no probabilities."""
        bins = evidence.evaluation.calibration
        if not bins:
            return Finding(
                gate="calibration",
                outcome="error",
                found="there is no calibration curve",
                hint="it takes probabilities: set data.task, or remove the gate",
            )
        rows = sum(one.num_rows for one in bins)
        error = sum(one.num_rows * abs(one.probability - one.share) for one in bins) / rows
        return Finding(
            gate="calibration",
            outcome="pass" if error <= self.max_error else "block",
            found=f"error {measured(error)}",
            required=f"at most {limit(self.max_error)}",
        )
