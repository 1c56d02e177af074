"""The gate `model-size`: how large the files of a model may be."""

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.options import GateOptions
from raytemplate.quantities import Size
from raytemplate.records.judged import Finding
from raytemplate.units import show_bytes


class ModelSize(GateOptions):
    """Limits the size of all files of the candidate: weights, features, and what MLflow needs to load it."""

    at_most: Size
    """Largest total size, such as `50 MB`."""

    def check(self, evidence: Evidence) -> Finding:
        """Passes if the candidate is no larger."""
        size = evidence.evaluation.candidate_bytes
        if not size:
            return Finding(gate="model-size", outcome="error", found="it was not recorded", hint="run again")
        return Finding(
            gate="model-size",
            outcome="pass" if size <= self.at_most else "block",
            found=show_bytes(size),
            required=f"at most {show_bytes(self.at_most)}",
        )
