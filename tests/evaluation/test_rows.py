import numpy as np
import pytest

from raytemplate.evaluation.rows import rows_digest

TARGET = np.array([1.0, 0.0, 2.5, 2.5])
TIMES = np.array(["2013-06-01T01", "2013-06-01T02", "2013-06-01T03", "2013-06-02T03"], "datetime64[us]")
OTHER = {
    "another value": (np.array([1.0, 0.0, 2.5, 3.5]), TIMES, ""),
    "another time": (TARGET, TIMES + np.array([0, 0, 0, 1], "timedelta64[us]"), ""),
    "values and times paired otherwise": (TARGET[[1, 0, 2, 3]], TIMES, ""),
    "a row twice": (np.append(TARGET, TARGET[:1]), np.append(TIMES, TIMES[:1]), ""),
    "another split": (TARGET, TIMES, "a1b2"),
}


def test_the_order_of_rows_does_not_matter_and_neither_does_minus_zero():
    order = [2, 0, 3, 1]
    negated = np.where(TARGET == 0, -0.0, TARGET)
    assert rows_digest(negated[order], TIMES[order]) == rows_digest(TARGET, TIMES)


@pytest.mark.parametrize(("target", "times", "split"), OTHER.values(), ids=OTHER)
def test_other_rows_have_another_digest(target, times, split):
    assert rows_digest(target, times, split) != rows_digest(TARGET, TIMES)


def test_rows_without_times_have_one_too():
    never = np.full(4, "NaT", "datetime64[us]")
    assert rows_digest(TARGET, never, "a1b2") == rows_digest(TARGET[::-1], never, "a1b2")
