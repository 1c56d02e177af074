import pytest
from sample_evidence import END, EVALUATION, START

from raytemplate.governance.evidence import Evidence
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import WindowRead
from raytemplate.testing.samples import sample_snapshot


@pytest.fixture(scope="session")
def evidence():
    """Makes the north star's evidence, with some fields of the evaluation changed."""

    def make(rows=None, **changes) -> Evidence:
        counted = {"train": 141_497, "validation": 11_862, "test": 12_695} if rows is None else rows
        windows = tuple(
            WindowRead(name=name, start=START, end=END, num_rows=num_rows, num_dropped=0)
            for name, num_rows in counted.items()
        )
        return Evidence(evaluation=Evaluation(**(EVALUATION | changes)), snapshot=sample_snapshot(windows=windows))

    return make
