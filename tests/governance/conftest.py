import pytest
from sample_evidence import EVALUATION

from raytemplate.governance.evidence import Evidence, evidence_of
from raytemplate.records.evaluated import Evaluation


@pytest.fixture(scope="session")
def evidence():
    """Makes the north star's evidence, with some fields of the evaluation changed."""

    def make(rows=None, **changes) -> Evidence:
        counted = {"train": 141_497, "validation": 11_862, "test": 12_695} if rows is None else rows
        return evidence_of(Evaluation(**(EVALUATION | changes)), counted)

    return make
