"""How many predictions a latency takes: a slow model must not exceed the budget."""

import time

import pyarrow as pa
import pytest

from raytemplate.engines.ray.scoring.score import latency_of


class Model:
    """A model that takes `seconds` for a prediction, and counts them."""

    def __init__(self, seconds):
        self.seconds, self.times = seconds, 0

    def predict(self, rows, *, masked=False):
        assert rows.num_rows == 10
        self.times += 1
        time.sleep(self.seconds)


@pytest.mark.parametrize(("seconds", "times"), [(0.001, 1 + 3 * 40), (0.02, None), (0.21, 1 + 5), (0.35, 1 + 3)])
def test_a_quick_model_is_asked_often_and_a_slow_one_a_few_times(seconds, times):
    model = Model(seconds)
    found = latency_of(model, pa.table({"x": [1, 2, 3]}), 10)
    assert times is None or model.times <= times
    assert 1 + 3 <= model.times <= 1 + 3 * 40
    assert found.p95_s >= seconds and 3 <= found.num_times <= 40
