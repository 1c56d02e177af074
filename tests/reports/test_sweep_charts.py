"""The charts of a sweep: where trials are drawn, how they are distinguished, and which of many are left out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from raytemplate.records.codec import Settings
from raytemplate.records.swept import TrialRecord
from raytemplate.reports.sweep_charts import (
    coordinates_chart,
    history_chart,
    importance_chart,
    metric_scale,
    powers,
    ticks,
)
from raytemplate.testing.sample_plans import sample_sweep_stage
from raytemplate.testing.samples import sample_trials
from raytemplate.tuning.space import Knob

TRIALS = sample_trials()
SPACE = sample_sweep_stage().space


def _marks(drawn: str) -> dict[int, tuple[str, float, float]]:
    """Trial -> state, x and y of its mark."""
    found = re.findall(r'<path class="t (\w+)" d="M([\d.]+) ([\d.]+)[^"]*"><title>trial (\d+)', drawn)
    return {int(number): (state, float(x), float(y)) for state, x, y, number in found}


def _points(drawn: str, said: str) -> list[float]:
    """How high a trial's line is at each field, from its left to its right."""
    points = re.search(rf'points="([^"]*)"><title>{said}', drawn)
    assert points is not None
    return [float(point.partition(",")[2]) for point in points[1].split()]


def test_better_trials_stand_lower_where_lower_is_better() -> None:
    marks = _marks(history_chart(TRIALS, TRIALS[4], higher_is_better=False))
    assert {number: state for number, (state, *_) in marks.items()} == {one.number: one.state for one in TRIALS}
    assert [x for _, x, _ in marks.values()] == sorted(x for _, x, _ in marks.values())
    height = {number: y for number, (_, _, y) in marks.items()}
    assert height[5] == max(y for number, y in height.items() if number not in (3, 12))
    assert height[2] > height[1] and height[6] == height[1] == min(height.values()), "trial 6 is on the edge"
    assert height[3] == height[12] > height[5], "what may not win is below the scale"


def test_better_trials_stand_higher_where_higher_is_better() -> None:
    height = {n: y for n, (_, _, y) in _marks(history_chart(TRIALS, None, higher_is_better=True)).items()}
    assert height[6] == min(height.values()) and height[1] < height[2]


def test_the_best_so_far_goes_down_in_steps_to_the_end() -> None:
    drawn = history_chart(TRIALS, TRIALS[4], higher_is_better=False)
    marks = _marks(drawn)
    steps = re.search(r'class="curve" d="M([\d.]+) ([\d.]+)((?:H[\d.]+V[\d.]+)*)H354', drawn)
    assert steps is not None
    assert re.findall(r"H([\d.]+)V", steps[3]) == [f"{marks[number][1]:.1f}" for number in (2, 4, 5)]
    assert f'class="ring" cx="{marks[5][1]:.1f}" cy="{marks[5][2]:.1f}"' in drawn


def test_every_state_has_a_shape_of_its_own_and_is_counted() -> None:
    drawn = history_chart(TRIALS, None, higher_is_better=False)
    shapes = dict(re.findall(r'class="t (\w+)" d="M[\d.]+ [\d.]+([^"]*)"', drawn))
    assert len(set(shapes.values())) == len(shapes) == 5
    for text in ("6 finished", "3 pruned", "1 cut", "1 diverged", "1 failed"):
        assert f">{text}</text>" in drawn


def test_a_scale_ends_where_the_middle_trial_is_not_lost_to_the_worst() -> None:
    scale = metric_scale(TRIALS, higher_is_better=False)
    assert scale is not None and (scale.best, scale.worst, scale.num_worse) == (7.31, 9.1, 1)
    assert [scale.share(value) for value in (7.31, 31.0)] == [0.0, 1.0]
    turned = metric_scale(TRIALS, higher_is_better=True)
    assert turned is not None and turned.best == 31.0
    same = metric_scale(TRIALS[:1], higher_is_better=False)
    assert same is not None and same.share(9.1) == 0.5
    assert metric_scale(TRIALS[2:3], higher_is_better=False) is None


def test_lines_go_through_the_values() -> None:
    drawn = coordinates_chart(SPACE, TRIALS, TRIALS[4], "mae", higher_is_better=False)
    low, high = _points(drawn, "trial 6,"), _points(drawn, "trial 9,")
    assert low[0] == 216.0, "1e-4 is the lower end"
    middle = replace(TRIALS[0], number=90, values=Settings({"training.lr": 10**-2.5, "model.hidden": 64}))
    halfway = _points(coordinates_chart(SPACE, [middle], None, "mae", higher_is_better=False), "trial 90,")
    assert halfway[0] == pytest.approx(133.0), "half of the logarithm"
    assert low[1] == high[1] > _points(drawn, "trial 7,")[1], "64 below 128"
    assert low[2] == high[2] > 216.0 and "not drawn" in drawn
    won = _points(drawn, "trial 5,")
    assert won[3] == 50.0 and drawn.rindex('class="won"') > drawn.rindex('class="run'), "the winner is on top of all"
    assert 'class="run lost"' in drawn and _points(drawn, "trial 3,")[3] > 216.0


def test_of_many_trials_and_fields_the_best_and_the_first_are_drawn() -> None:
    space = tuple(Knob(name=f"model.x{n}", draw="uniform(0, 1)") for n in range(12))
    values = Settings({knob.name: 0.5 for knob in space})
    many = [replace(TRIALS[0], number=n + 1, values=values, validation=1.0 + n) for n in range(5000)]
    drawn = coordinates_chart(space, many, many[0], "mae", higher_is_better=False)
    assert drawn.count('class="run') == 150 and "trial 151," in drawn and "trial 152," not in drawn
    assert ">x8</text>" in drawn and ">x9</text>" not in drawn
    assert len(_marks(history_chart(many, many[0], higher_is_better=False))) < 2000


def test_values_that_are_equal_but_of_two_kinds_stand_apart() -> None:
    space = (Knob(name="model.a", draw="choice(a, b)"), Knob(name="model.b", draw="choice(1, true)"))
    one = replace(TRIALS[0], values=Settings({"model.a": "a", "model.b": True}))
    drawn = coordinates_chart(space, [one], None, "mae", higher_is_better=False)
    assert ">true</text>" in drawn and _points(drawn, "trial 1,")[1] < 133.0


def test_nothing_is_drawn_of_trials_without_a_figure() -> None:
    lost: list[TrialRecord] = [TRIALS[2], TRIALS[11]]
    assert history_chart(lost, None, higher_is_better=False) == ""
    assert coordinates_chart(SPACE, lost, None, "mae", higher_is_better=False) == ""
    assert importance_chart(()) == ""


def test_shares_are_bars_of_their_length() -> None:
    drawn = importance_chart((("training.lr", 0.75), ("model.hidden", 0.25)))
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', drawn)]
    assert widths[0] == 3 * widths[1] or abs(widths[0] - 3 * widths[1]) < 0.2
    assert "75 %" in drawn and "25 %" in drawn


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ((0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((9.1, 7.31), [7.5, 8, 8.5, 9]),
        ((50, 400), [100, 200, 300, 400]),
        ((3, 3), [3]),
    ],
    ids=str,
)
def test_ticks_are_round(ends: tuple[float, float], found: list[float]) -> None:
    assert ticks(*ends) == found


def test_powers_of_ten_are_few() -> None:
    assert powers(-4, -1) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    assert len(powers(-7, 4)) == 6
