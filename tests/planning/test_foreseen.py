"""What `plan` knows will leave a candidate to a person."""

from dataclasses import replace

import pytest
from sample_inventory import CHAMPION, inventory, moment, source, spec_of

from raytemplate.data.split import Split
from raytemplate.errors import SpecError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.foreseen import foreseen_holds
from raytemplate.planning.made_from import made_from
from raytemplate.planning.stages import GroupedBy

DAYS = "test 7d: 7 days to resample, fewer than 10: a pass will be held; data.windows.test: 10d, or "
DAYS += "evaluation.resample: hour if hours are independent"
WEEKS = "test 14d: 3 weeks to resample, fewer than 10: a pass will be held; data.windows.test: 10 weeks, or "
WEEKS += "evaluation.resample: day if days are independent"
HOURS = "test 6h: 6 hours to resample, fewer than 10: a pass will be held; data.windows.test: 10h, or "
HOURS += "evaluation.resample: row if rows are independent"
SAME = "the same rows, features, code and settings as the champion (version 1, run k7q2), only the seed or chance "
SAME += "differs: it will be held, unless its bytes are the champion's"


def plan(changes=None, as_of="2013-06-01", **there):
    return compile_plan(spec_of(changes), inventory(**there), as_of)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"data.windows.test": "10d"}, ()),
        ({"data.windows.test": "7d"}, (DAYS,)),
        ({"data.windows.test": "7d", "evaluation.resample": "hour"}, ()),
        ({"data.windows.test": "7d", "evaluation.resample": "row"}, ()),
        ({"evaluation.resample": "week"}, (WEEKS,)),
        ({"data.windows.test": "6h", "evaluation.resample": "hour"}, (HOURS,)),
        ({"data.windows.test": "7d", "evaluation.resample": {"group": "carrier"}}, ()),
    ],
    ids=lambda value: ", ".join(f"{n}: {v}" for n, v in value.items()) if isinstance(value, dict) else None,
)
def test_a_test_window_of_few_units_is_told_with_what_gives_more(changes, expected):
    assert plan(changes).govern.holds == expected


def test_the_same_again_is_told():
    champion = replace(CHAMPION, made_from=made_from(plan({"training.seed": 8})))
    assert plan(champion=champion).govern.holds == (SAME,)
    assert plan({"training.lr": 0.01}, champion=champion).govern.holds == ()
    assert plan(champion=replace(champion, made_from="")).govern.holds == ()


ALIKE = {
    "another seed": {"training.seed": 8},
    "other resources": {"resources.per_worker.memory": "1 GB"},
    "judged otherwise": {"evaluation.also": ["rmse"], "governance.gates.metric-limit.mae": 5},
    "a column that is read besides": {"evaluation.slices": ["carrier", "origin", "seats"]},
}
OTHERS = {
    "a setting of the family": {"model.hidden": 32},
    "a setting of training": {"training.lr": 0.01},
    "features": {"features.numeric": ["distance", "precip"]},
    "rows": {"data.drop": "air_time > 500"},
    "a window": {"data.windows.train": "60d"},
    "the budget": {"budget.time": "20m"},
}


@pytest.mark.parametrize("changes", ALIKE.values(), ids=ALIKE)
def test_models_are_made_from_the_same(changes):
    assert made_from(plan(changes)) == made_from(plan())


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_models_are_made_from_something_else(changes):
    assert made_from(plan(changes)) != made_from(plan())


def test_later_rows_and_files_of_other_content_are_something_else():
    other = source()
    other = replace(other, files=tuple(replace(file, sha256=file.sha256[::-1] + "0") for file in other.files))
    assert len({made_from(plan()), made_from(plan(as_of="2013-06-02")), made_from(plan(source=other))}) == 3


def test_a_champion_to_score_and_where_the_files_lie_make_no_difference():
    moved = replace(source(), root="/elsewhere")
    assert made_from(plan(source=moved, champion=CHAMPION)) == made_from(plan())


def test_rows_split_by_hash_are_the_same_on_a_later_day():
    first = plan()
    later = tuple(replace(window, start=moment(7), end=moment(7)) for window in first.ingest.windows)

    def split(seed, windows):
        by_hash = Split(validation=0.15, test=0.15, seed=seed, columns=("flight",), by_keys=True)
        return made_from(replace(first, ingest=replace(first.ingest, split=by_hash, windows=windows)))

    assert split(0, first.ingest.windows) == split(0, later) != split(1, later)


def test_the_column_of_a_group_is_read_and_its_name_checked():
    made = plan({"evaluation.resample": {"group": "flight"}})
    assert made.evaluate.resample == GroupedBy(column="flight") and "flight" in made.ingest.columns
    with pytest.raises(SpecError) as refused:
        plan({"evaluation.resample": {"group": "carier"}})
    (problem,) = refused.value.problems
    assert problem.path == "evaluation.resample.group"
    assert problem.message.startswith('no column "carier" in the data; did you mean carrier')


def test_nothing_is_held_of_what_nobody_may_promote():
    made = plan({"data.windows.test": "7d"})
    assert foreseen_holds(replace(made, govern=replace(made.govern, promotable=False)), None) == ()
