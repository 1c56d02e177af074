"""Conditions between drawn fields."""

import optuna
import pytest

from raytemplate.tuning.options import Drawn
from raytemplate.tuning.space import can_draw, conditions, draw_all, every_point, knobs

SPACE = {
    "model.num_trees": Drawn(draw="int(1, 2)", when={"model.kind": "lightgbm"}),
    "model.kind": Drawn(draw="choice(lightgbm, tabular-mlp)"),
    "model.hidden": Drawn(draw="choice(8, 16)", when={"model.kind": "tabular-mlp"}),
    "training.lr": Drawn(draw="quniform(1, 2, 1)", when={"model.hidden": 16}),
}


def test_what_depends_on_others_comes_after_them():
    assert [knob.name for knob in knobs(SPACE)] == ["model.kind", "model.num_trees", "model.hidden", "training.lr"]


def test_conditions_of_conditions_hold_too():
    assert conditions(SPACE, "training.lr") == {"model.kind": "tabular-mlp", "model.hidden": 16}
    assert conditions(SPACE, "model.kind") == {}


def test_a_circle_is_refused():
    circle = {"a.b": Drawn(draw="int(1, 2)", when={"a.c": 1}), "a.c": Drawn(draw="int(1, 2)", when={"a.b": 1})}
    with pytest.raises(ValueError, match=r"each of a\.b, a\.c depends on another"):
        knobs(circle)


def test_every_point_has_only_what_its_conditions_allow():
    assert list(every_point(knobs(SPACE))) == [
        {"model.kind": "lightgbm", "model.num_trees": 1},
        {"model.kind": "lightgbm", "model.num_trees": 2},
        {"model.kind": "tabular-mlp", "model.hidden": 8},
        {"model.kind": "tabular-mlp", "model.hidden": 16, "training.lr": 1},
        {"model.kind": "tabular-mlp", "model.hidden": 16, "training.lr": 2},
    ]


def test_every_draw_of_optuna_is_a_point():
    study, points = optuna.create_study(), list(every_point(knobs(SPACE)))
    drawn = [draw_all(knobs(SPACE), study.ask()) for _ in range(40)]
    assert all(values in points for values in drawn)
    assert all(point in drawn for point in points)


@pytest.mark.parametrize(
    ("values", "can"),
    [
        ({"model.kind": "lightgbm", "model.num_trees": 2}, True),
        ({"model.kind": "lightgbm", "model.num_trees": 3}, False),
        ({"model.kind": "lightgbm", "model.num_trees": 1.5}, False),
        ({"model.kind": "lightgbm"}, False),
        ({"model.kind": "lightgbm", "model.num_trees": 2, "model.hidden": 8}, False),
        ({"model.kind": "tabular-mlp", "model.hidden": 16, "training.lr": 2.0}, True),
        ({"model.kind": "tabular-mlp", "model.hidden": 16, "training.lr": 1.5}, False),
        ({"model.kind": "linear"}, False),
        ({"model.kind": "tabular-mlp", "model.hidden": True}, False),
    ],
)
def test_whether_a_trial_can_have_certain_values(values, can):
    assert can_draw(knobs(SPACE), values) is can
