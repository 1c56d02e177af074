"""`tuning.space`: every name is a field and every value is allowed for it; problems name the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError
from raytemplate.spec.load import from_resolved, load

SWEEP = """\
tuning:
  space:
    model.kind: choice(lightgbm, tabular-mlp)
    training.lr: loguniform(1e-4, 1e-1)
    model.num_trees: {draw: int(50, 400, 50), when: {model.kind: lightgbm}}
    model.hidden:
      draw: choice(64, 128)
      when: {model.kind: tabular-mlp}
"""
LINE = WHOLE.count("\n") + 1


def loaded(folder: Path, text: str = SWEEP, **layers: object):
    return load(write(folder, WHOLE + text), environ={}, **layers)  # type: ignore[arg-type]


def problems(folder: Path, text: str, **layers: object) -> list[str]:
    with pytest.raises(SpecError) as caught:
        loaded(folder, text, **layers)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(("written", "meant"), [("no", False), ("false", False), ("yes", True), ("true", True)])
def test_yes_and_no_are_true_and_false_where_nothing_else_can_stand(tmp_path: Path, written: str, meant: bool) -> None:
    spec = loaded(tmp_path, f"{SWEEP}  refit: {written}\n")
    assert spec.tuning.refit is meant


def test_a_space_has_an_arm_for_each_family_without_the_fields_of_others(tmp_path: Path) -> None:
    spec = loaded(tmp_path)
    assert [(name, one.draw) for name, one in spec.tuning.space.items()] == [
        ("model.kind", "choice(lightgbm, tabular-mlp)"),
        ("training.lr", "loguniform(1e-4, 1e-1)"),
        ("model.num_trees", "int(50, 400, 50)"),
        ("model.hidden", "choice(64, 128)"),
    ]
    assert [arm.family for arm in spec.arms] == ["lightgbm", "tabular-mlp"]
    assert spec.arms[0].dropped == ("model.hidden", "training.epochs")
    assert not spec.arms[0].tuning.space and not spec.arms[0].arms


def test_without_a_space_there_is_no_arm(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").arms == ()


def test_a_sweep_comes_back_out_of_its_lock(tmp_path: Path) -> None:
    spec = loaded(tmp_path)
    again = from_resolved(spec.resolved, spec.origins, spec.path)
    assert (again.tuning, [arm.family for arm in again.arms]) == (spec.tuning, ["lightgbm", "tabular-mlp"])


def test_the_comma_of_a_draw_ends_no_value_in_a_mapping_on_one_line(tmp_path: Path) -> None:
    text = "tuning: {space: {training.lr: loguniform(1e-4, 1e-1), model.layers: int(1, 3, 2)}}\n"
    spec = loaded(tmp_path, text)
    assert {name: one.draw for name, one in spec.tuning.space.items()} == {
        "training.lr": "loguniform(1e-4, 1e-1)",
        "model.layers": "int(1, 3, 2)",
    }
    assert from_resolved(spec.resolved, spec.origins, spec.path) == spec


def test_a_draw_can_be_set_from_outside(tmp_path: Path) -> None:
    spec = loaded(tmp_path, sets=["tuning.space.training.lr=uniform(0.1, 0.2)", "tuning.search=random"])
    assert spec.tuning.space["training.lr"].draw == "uniform(0.1, 0.2)"


def one(text: str) -> str:
    return f"tuning:\n  space:\n    {text}\n"


WRONG = {
    "a name": (one("training.lrr: uniform(0.1, 1)"), "training.lrr: no such field; did you mean training.lr?"),
    "a value": (one("training.lr: uniform(0, 1)"), "training.lr: got 0.0, expected a number, above 0"),
    "a value of a list": (one("training.loss: choice(mae, hubr)"), "training.loss: got"),
    "parts of a whole number": (one("model.hidden: uniform(8, 16)"), "model.hidden: got"),
    "between the ends": (one("model.layers: quniform(1, 3, 0.5)"), "model.layers: got"),
    "another namespace": (one("data.rows: int(1, 2)"), "data.rows: cannot be searched; fields of model and training"),
    "a field without its namespace": (
        one("lr: uniform(0.1, 1)"), "lr: cannot be searched; did you mean tuning.space.training.lr?",
    ),
    "a field of a family without model": (
        one("num_leaves: int(8, 64)"), "num_leaves: cannot be searched; did you mean tuning.space.model.num_leaves?",
    ),
    "a field of features without its namespace": (
        one("numerical: choice(a, b)"), "numerical: cannot be searched; fields of model and training",
    ),
    "a field as elsewhere": (
        one("learning_rate: uniform(0.1, 1)"),
        "learning_rate: cannot be searched; did you mean tuning.space.training.lr?",
    ),
    "a list of features": (one("features.numeric: choice(a, b)"), "features.numeric: cannot be searched; of features"),
    "a setting of features": (
        one("features.columns.carrier.min_coun: int(1, 50)"),
        "features.columns.carrier.min_coun: no such field; did you mean features.columns.carrier.min_count?",
    ),
    "a value of a setting": (
        one("features.columns.carrier.min_count: int(0, 50)"),
        "features.columns.carrier.min_count: got 0, expected a whole number, 1 or more",
    ),
    "a column that is no feature": (
        one("features.columns.carier.min_count: int(1, 50)"),
        "features.columns.carier.min_count: features.columns.carier: no such feature; did you mean carrier?",
    ),
    "a column with a dot": (
        one("features.columns.a.b.min_count: int(1, 50)"),
        "features.columns.a.b.min_count: cannot be searched; of features, only one setting of a column can",
    ),
    "a kind of another list": (
        one("features.columns.carrier.kind: choice(categorical, numeric)"),
        'features.columns.carrier.kind: "numeric" is for columns in features.numeric',
    ),
    "what all share": (one("training.seed: int(1, 3)"), "training.seed: cannot be searched: it must be the same"),
    "no draw": (one("training.lr: 0.1"), "training.lr.draw: got 0.1, expected a draw such as loguniform(1e-4, 1e-1)"),
    "a draw that is none": (one("training.lr: normal(0, 1)"), 'training.lr.draw: got "normal(0, 1)", expected a draw'),
    "a family": (
        one("model.kind: choice(lightgbm, lineer)"), 'model.kind: lineer: model.kind: no such family: "lineer"',
    ),
    "a family by chance": (one("model.kind: uniform(0, 1)"), "model.kind: expected families without a condition"),
    "a condition on nothing": (
        one("training.lr: {draw: 'uniform(0.1, 1)', when: {model.layers: 2}}"),
        "training.lr.when: model.layers is not drawn",
    ),
    "a condition that never holds": (
        one("model.layers: int(1, 3)\n    training.lr: {draw: 'uniform(0.1, 1)', when: {model.layers: 4}}"),
        "training.lr.when: model.layers is never 4; it is int(1, 3)",
    ),
    "a misspelt draw": (
        one("training.lr: {draws: 'uniform(0.1, 1)', when: {model.layers: 2}}"), "training.lr.draw: missing; expected",
    ),
    "numbers for a whole number": (
        one("training.epochs: uniform(1, 5)"),
        "training.epochs: got 1.0, expected a whole number of epochs, 1 or more; int(1, 5) draws those",
    ),
    "a misspelt key": (one("training.lr: {draw: 'uniform(0.1, 1)', wen: {}}"), "training.lr.wen: no such field; did"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_space_is_told_at_its_line(tmp_path: Path, case: str) -> None:
    text, expected = WRONG[case]
    found = problems(tmp_path, text)
    line = LINE + 1 + text.strip().count("\n") - 1
    assert sum(f"t.yaml:{line}  tuning.space.{expected}" in problem for problem in found) == 1, found
    assert len(found) == (2 if "misspelt draw" in case else 1), found


def test_a_field_of_one_family_asks_for_its_condition(tmp_path: Path) -> None:
    text = one("model.kind: choice(lightgbm, tabular-mlp)\n    model.num_trees: int(50, 60)")
    assert problems(tmp_path, text) == [
        f"t.yaml:{LINE + 3}  tuning.space.model.num_trees: not used by tabular-mlp; add when: {{model.kind: lightgbm}}"
    ]


COLUMN = "features.columns.carrier"


def test_settings_of_columns_are_searched_with_and_without_conditions(tmp_path: Path) -> None:
    text = one(
        "features: {columns: {distance: {transform: choice(log, none)}}}\n"
        f"    {COLUMN}.kind: choice(categorical, target-mean)\n"
        f"    {COLUMN}.min_count: {{draw: int(1, 50), when: {{{COLUMN}.kind: categorical}}}}"
    )
    spec = loaded(tmp_path, text)
    assert [(name, drawn.draw, dict(drawn.when)) for name, drawn in spec.tuning.space.items()] == [
        ("features.columns.distance.transform", "choice(log, none)", {}),
        (f"{COLUMN}.kind", "choice(categorical, target-mean)", {}),
        (f"{COLUMN}.min_count", "int(1, 50)", {f"{COLUMN}.kind": "categorical"}),
    ]
    assert spec.features.columns == {"distance": {"transform": "log"}}


def test_a_drawn_kind_has_no_settings_that_the_file_gives_another(tmp_path: Path) -> None:
    spec = loaded(tmp_path, one("features.columns.distance.kind: choice(numeric, buckets)"))
    assert spec.features.columns == {"distance": {"transform": "log"}}  # which buckets do not have


def test_a_draw_that_is_written_alone_has_the_line_where_it_stands(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, one("training.lr: uniform(0.1, 1)"))
        .where("tuning.space.training.lr.draw")
        .endswith(f"t.yaml:{LINE + 2}")
    )


def test_a_setting_of_one_kind_asks_for_its_condition(tmp_path: Path) -> None:
    text = one(f"{COLUMN}.kind: choice(categorical, hashing)\n    {COLUMN}.min_count: int(1, 50)")
    (problem,) = problems(tmp_path, text)
    place, condition = f"t.yaml:{LINE + 3}  tuning.space.{COLUMN}.min_count", f"{{{COLUMN}.kind: categorical}}"
    assert problem == f"{place}: not used by hashing; add when: {condition}"


def test_a_condition_of_a_condition_counts(tmp_path: Path) -> None:
    text = one(
        "model.kind: choice(lightgbm, tabular-mlp)\n"
        "    model.layers: {draw: int(1, 3), when: {model.kind: tabular-mlp}}\n"
        "    model.hidden: {draw: choice(8, 16), when: {model.layers: 1}}"
    )
    assert list(loaded(tmp_path, text).tuning.space) == ["model.kind", "model.layers", "model.hidden"]


def test_a_grid_needs_an_end_of_values_and_others_take_no_grid(tmp_path: Path) -> None:
    no_end = one("training.lr: uniform(0.1, 1)").replace("tuning:", "tuning:\n  search: grid")
    assert ["which has infinitely many values" in problem for problem in problems(tmp_path, no_end)] == [True]
    grid = one("model.hidden: grid(8, 16)")
    assert ["expected choice, or tuning.search: grid" in problem for problem in problems(tmp_path, grid)] == [True]
    assert loaded(tmp_path, grid.replace("tuning:", "tuning:\n  search: grid")).tuning.search == "grid"


def test_a_search_that_is_none_names_the_nearest(tmp_path: Path) -> None:
    assert problems(tmp_path, SWEEP, sets=["tuning.search=tpee"]) == [
        '--set tuning.search=tpee  tuning.search: no such search: "tpee"; did you mean tpe?'
    ]


def test_a_field_that_is_searched_and_set_from_outside_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"--set training\.lr=0\.1  training\.lr: is searched, so a draw of tuning\.space\.tr"
    ):
        loaded(tmp_path, sets=["training.lr=0.1"])


OBJECTIVES = (
    "tuning: {objectives: [mae, seconds], pick: {best: seconds, within: 5 %}, scheduler: none, "
    "space: {training.lr: loguniform(1e-4, 1e-1)}}\n"
)


def test_several_objectives_with_a_pick(tmp_path: Path) -> None:
    tuning = loaded(tmp_path, OBJECTIVES).tuning
    assert tuning.objectives == ("mae", "seconds")
    assert tuning.pick and (tuning.pick.best, tuning.pick.within) == ("seconds", 0.05)


@pytest.mark.parametrize(
    ("written", "instead", "problem"),
    [
        (
            ", pick: {best: seconds, within: 5 %}",
            "",
            (
                "tuning.objectives: several need a rule for which trial is the candidate; set tuning.pick: "
                "{best: seconds, within: 5 %}"
            ),
        ),
        (
            "objectives: [mae, seconds], ",
            "",
            "tuning.pick: is for several objectives; set tuning.objectives, or remove it",
        ),
        (
            "scheduler: none",
            "scheduler: asha",
            "tuning.scheduler: is asha, which ends trials early by one objective; with several expected none",
        ),
        (
            "scheduler: none",
            "scheduler: none, search: cma-es",
            "tuning.search: cma-es searches for one objective only; expected random, grid, tpe or gp",
        ),
        ("best: seconds", "best: mae", 'tuning.pick.best: got "mae", expected seconds'),
        ("[mae, seconds]", "[seconds, mae]", "tuning.objectives: expected mae first, which is evaluation.metric"),
        (
            "[mae, seconds]",
            "[mae, seconds, auc]",
            (
                'tuning.objectives: got "auc", expected mae, rmse or seconds; a metric that is missing goes into '
                "evaluation.also"
            ),
        ),
        ("[mae, seconds]", "[mae, seconds, mae]", 'tuning.objectives: "mae" is listed twice'),
    ],
)
def test_objectives_that_make_no_sense(tmp_path: Path, written: str, instead: str, problem: str) -> None:
    assert problems(tmp_path, OBJECTIVES.replace(written, instead)) == [f"t.yaml:{LINE}  {problem}"]
