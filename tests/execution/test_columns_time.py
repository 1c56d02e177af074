"""Seconds for examining single columns."""

import pytest

from raytemplate.execution.time_left import columns_s


@pytest.mark.parametrize(("left_s", "expected"), [(-5, 1.5), (0, 1.5), (40, 4), (3_600, 10)])
def test_columns_are_looked_at_for_a_part_of_the_time_left_and_also_where_training_used_it_up(
    left_s: float, expected: float
) -> None:
    assert columns_s(left_s) == pytest.approx(expected)
