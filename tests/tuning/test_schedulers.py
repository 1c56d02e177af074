"""Where trials of a family are compared: at epochs derived from the most that one of them may have."""

import pytest

from raytemplate.tuning.schedulers import Pruners, rungs


@pytest.mark.parametrize(
    ("scheduler", "most_epochs", "every", "expected"),
    [
        ("asha", 100, 1, {10: 10, 30: 30, 90: 90}),
        ("asha", 6, 1, {1: 10, 2: 30}),
        ("asha", 3, 1, {1: 10}),
        ("asha", 400, 16, {48: 10, 128: 30, 368: 90}),
        ("hyperband", 20, 1, {2: 10, 6: 30, 18: 90}),
        ("median", 5, 1, {1: 10, 2: 30, 3: 50, 4: 70}),
        ("asha", 1, 1, {}),
        ("none", 100, 1, {}),
    ],
)
def test_rungs(scheduler, most_epochs, every, expected):
    assert rungs(scheduler, most_epochs, every) == expected


def entered(pruners, family, validation):
    """Whether a further trial with this validation metric after its first epoch falls behind."""
    entry = pruners.enter(family)
    behind = entry.falls_behind(10, validation)
    entry.end(validation)
    return behind


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_the_median_rule_waits_for_five_trials_of_the_family_at_that_rung(higher_is_better):
    both = {family: rungs("median", 100) for family in ("trees", "network")}
    pruners = Pruners("median", both, higher_is_better=higher_is_better)
    sign = -1 if higher_is_better else 1
    assert not any(entered(pruners, "network", sign * value) for value in (1, 2, 3, 4, 5, 1))
    assert not any(entered(pruners, "trees", sign * value) for value in (60, 61, 62, 63, 64))
    assert [entered(pruners, "trees", sign * value) for value in (61, 63)] == [False, True]


def test_a_trial_that_failed_is_no_rival():
    pruners = Pruners("median", {"trees": rungs("median", 100)}, higher_is_better=False)
    for _ in range(9):
        entry = pruners.enter("trees")
        entry.falls_behind(10, 1.0)
        entry.end(None)
    assert not entered(pruners, "trees", 2.0)
