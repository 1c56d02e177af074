import numpy as np

from raytemplate.evaluation.residuals import NUM_BINS, residuals


def test_bins_hold_all_rows_in_the_order_of_what_was_predicted():
    prediction = np.random.default_rng(1).normal(size=1_000)
    found = residuals(prediction + 2, prediction)
    assert (len(found), sum(one.num_rows for one in found)) == (NUM_BINS, 1_000)
    assert [one.predicted for one in found] == sorted(one.predicted for one in found)
    assert all(np.allclose(one.residuals, 2) for one in found)


def test_equal_predictions_lie_in_one_bin():
    (only,) = residuals(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0))
    assert (only.num_rows, only.predicted, only.residuals[2]) == (3, 2.0, 0.0)
