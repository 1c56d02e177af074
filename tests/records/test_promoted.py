"""What became of a candidate, as the state and the exit code of its run."""

from dataclasses import replace

import pytest

from raytemplate.records.promoted import ending
from raytemplate.testing.samples import sample_promotion

ENDINGS = {
    "promoted": ("approved", 0), "unchanged": ("unchanged", 0), "shown": ("shown", 0), "waiting": ("held", 5),
}  # fmt: skip


@pytest.mark.parametrize("outcome", ENDINGS)
def test_each_outcome_has_one_state_and_one_exit_code(outcome):
    assert ending(replace(sample_promotion(), outcome=outcome)) == ENDINGS[outcome]


def test_a_rejected_candidate_has_no_promotion():
    assert ending(None) == ("rejected", 5)
