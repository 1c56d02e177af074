"""Where trials are compared: at the same percent of their epochs, at epochs that they tell of."""

import pytest

from raytemplate.tuning.schedulers import rungs


@pytest.mark.parametrize(
    ("scheduler", "num_epochs", "every", "expected"),
    [
        ("asha", 100, 1, {10: 10, 30: 30, 90: 90}),
        ("asha", 6, 1, {1: 10, 2: 30}),
        ("asha", 137, 6, {18: 10, 42: 30, 126: 90}),
        ("hyperband", 20, 1, {2: 10, 6: 30, 18: 90}),
        ("median", 5, 1, {1: 20, 2: 40, 3: 60, 4: 80}),
        ("asha", 1, 1, {}),
        ("none", 100, 1, {}),
    ],
)
def test_rungs(scheduler, num_epochs, every, expected):
    assert rungs(scheduler, num_epochs, every) == expected
