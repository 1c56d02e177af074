"""What compile makes of the shipped template; the plan id ignores what is not part of the result."""

import copy
from dataclasses import replace

import pytest
from sample_inventory import CHAMPION, SCHEMA, TEXT, inventory, moment, source, spec_of

from raytemplate.data.options import SplitSpec
from raytemplate.errors import SpecError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.ingesting import split_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.codec import Settings


def plan(changes=None, as_of="2013-06-01", **others):
    return compile_plan(spec_of(changes), inventory(**others), as_of)


def test_the_baseline_of_a_quantile_knows_which():
    made = plan(
        {
            "training.loss": "quantile",
            "training.quantile": 0.9,
            "evaluation.also": ["pinball"],
            "evaluation.baseline.median_by": None,
            "evaluation.baseline.quantile_by": ["carrier"],
        }
    )
    assert made.ingest.baseline == made.evaluate.baseline == Settings({"quantile_by": ["carrier"], "quantile": 0.9})
    assert "carrier" in made.ingest.columns


def test_equal_inputs_give_equal_plans():
    spec, found = spec_of(), inventory()
    before = copy.deepcopy(found)
    assert compile_plan(spec, found, "2013-06-01") == compile_plan(spec, found, "2013-06-01") == plan()
    assert found == before
    assert hash(plan()) == hash(plan())


def test_a_plan_is_the_same_after_json():
    made = plan()
    back = codec.loads(RunPlan, codec.dumps(made))
    assert back == made
    assert (back.id, codec.dumps(back)) == (made.id, codec.dumps(made))


SAME = {
    "description": {"owner": "somebody else", "version": "2.0.0"},
    "price": {"budget.cost": "9 USD"},
    "gates": {"governance.gates.metric-limit.mae": 3},
    "who decides": {"governance.promotion": "manual"},
    "tracking": {"tracking.experiment": "elsewhere"},
    "another name for the same": {"training.lr": 0.001, "data.windows.test": "2 weeks"},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_the_id_stays_when_the_result_does(changes):
    assert plan(changes).id == plan().id


def test_the_id_stays_wherever_the_files_lie_and_whenever_it_is_compiled():
    elsewhere = replace(source(), root="/mnt/elsewhere")
    assert plan(source=elsewhere).id == plan().id
    assert plan(now=moment(9)).id == plan().id


OTHER = {
    "epochs": {"training.epochs": 7},
    "seed": {"training.seed": 8},
    "learning rate": {"training.lr": 2e-3},
    "width": {"model.hidden": 64},
    "feature": {"features.numeric": ["distance", "precip"]},
    "feature's setting": {"features.columns.precip.transform": "none"},
    "feature's kind": {"features.columns.distance.kind": "buckets"},
    "window": {"data.windows.train": "90d"},
    "rows": {"data.drop": ""},
    "baseline": {"evaluation.baseline.median_by": ["origin"]},
    "metric": {"evaluation.also": ["r2"]},
    "ingest": {"data.ingest": "stream"},
    "workers": {"resources.workers": 1},
}


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_the_id_changes_with_the_result(changes):
    assert plan(changes).id != plan().id


def test_the_id_changes_with_the_day_and_with_one_footer():
    files = source().files
    touched = replace(source(), files=(replace(files[0], sha256="ff" * 32), *files[1:]))
    assert plan(as_of="2013-06-02").id != plan().id
    assert plan(source=touched).id != plan().id


def test_a_file_outside_the_windows_does_not_change_the_id():
    files = source().files
    touched = replace(source(), files=(*files[:-1], replace(files[-1], sha256="ff" * 32)))
    assert plan(source=touched).id == plan().id


def test_only_files_and_row_groups_in_the_windows_are_read():
    made = plan({"data.windows.train": "20d"}, as_of="2013-06-01")
    assert [(f.path, f.slices) for f in made.ingest.files] == [
        ("data/flights/2013-04.parquet", (1,)),
        ("data/flights/2013-05.parquet", (0, 1)),
    ]
    assert made.ingest.num_files_listed == 12


def test_only_columns_that_are_needed_are_read_the_champions_among_them():
    first, second = plan(), plan({"features.numeric": ["temp", "precip"]}, champion=CHAMPION)
    assert first.ingest.columns[-1:] == first.ingest.only_keys == ("flight",)
    assert "dep_delay" not in first.ingest.columns
    features = {"temp", "precip", "origin", "dest", "carrier", "distance", "wind_speed"}
    assert {"time_hour", "air_time", *features, "flight"} == set(second.ingest.columns)
    assert "wind_gone" not in second.ingest.columns


def test_the_plan_says_beforehand_which_gate_has_nothing_to_say():
    assert plan().govern.skips == ("beats-champion will be skipped: no champion yet",)
    assert plan(champion=CHAMPION).govern.skips == ()


def test_columns_that_are_missing_or_of_another_type_are_named_with_their_lines():
    schema = {name: kind for name, kind in SCHEMA.items() if name not in ("seats", "dest")}
    schema |= {"humid": "string", "air_time": "string", "carrier": "double"}
    with pytest.raises(SpecError) as refused:
        plan(source=source(schema=schema))
    found = {(p.where.rpartition("/")[2], p.path): p.message for p in refused.value.problems}
    assert (
        found["flights-air-time.yaml:11", "data.target"]
        == 'column "air_time" is string, expected a number; set data.task for classes'
    )
    assert found["flights-air-time.yaml:21", "features.numeric"].startswith('column "humid" is string, expected a')
    assert found["flights-air-time.yaml:22", "features.categorical"].startswith(
        ('column "carrier"', 'no column "dest"')
    )
    assert sum("dest" in p.message for p in refused.value.problems) == 2
    assert str(refused.value).endswith("6 problems; nothing was started.")


def test_text_among_the_numbers_is_told_where_it_belongs():
    with pytest.raises(SpecError, match=r"list it under features\.categorical"):
        plan({"features.numeric": ["origin", "precip"], "features.categorical": ["dest"]})


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary<values=string, indices=int32, ordered=0>"])
def test_text_can_be_a_category_in_every_dress(kind):
    made = plan(source=source(schema=SCHEMA | dict.fromkeys(TEXT, kind)))
    assert [s.column for s in made.ingest.features if s.kind == "categorical"] == ["carrier", "origin", "dest"]


def test_a_row_goes_to_its_side_by_its_keys_or_by_all_but_the_answer():
    keyed = split_of(
        spec_of().data.model_copy(update={"split": SplitSpec.model_validate({"validation": "15 %", "test": "15 %"})}),
        source(),
    )
    assert keyed is not None and keyed.by_keys
    data = spec_of().data.model_copy(
        update={"split": SplitSpec.model_validate({"validation": "15 %", "test": "15 %"}), "keys": ()}
    )
    by_rows = split_of(data, source())
    late = split_of(data.model_copy(update={"target": "air_time > 150"}), source())
    assert by_rows is not None and set(by_rows.columns) == set(source().schema) - {"air_time"}
    assert late == by_rows


def test_a_split_like_that_of_a_champion_made_before_is_kept():
    split = SplitSpec.model_validate({"validation": "15 %", "test": "15 %"})
    data = spec_of().data.model_copy(update={"split": split, "keys": ()})
    now = split_of(data, source())
    assert now is not None and now.is_as_read and set(now.kinds) == {"number", "text", "time"}
    for before in (replace(now, exact_decimals=False), replace(now, exact_decimals=False, kinds=())):
        assert split_of(data, source(), [(before.id, ())]) == before
    assert split_of(data, source(), [(now.id, ())]) == split_of(data, source(), [("another", ())]) == now
    assert split_of(data, source(), [(now.id, ()), (before.id, ())]) == now  # a champion before a feature set


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        ("double", "double", True),
        ("decimal128(5, 0)", "int64", True),
        ("decimal128(5, 2)", "decimal128(5, 2)", True),
        ("decimal128(5, 2)", "decimal128(7, 3)", False),
        ("decimal128(5, 2)", "double", False),
        ("double", "decimal128(5, 2)", False),
        ("", "decimal128(5, 2)", False),
        ("", "double", True),
    ],
)
def test_a_split_that_rounds_decimals_is_kept_only_while_no_row_changes_sides_by_it(before, now, kept):
    """`before`: the type at the champion's time; "" if its run did not record it."""
    split = SplitSpec.model_validate({"validation": "15 %", "test": "15 %"})
    data = spec_of().data.model_copy(update={"split": split, "keys": ()})
    found = source(schema=SCHEMA | {"precip": now})
    exact = split_of(data, found)
    assert exact is not None and exact.exact_decimals
    rounded = replace(exact, exact_decimals=False)
    then = tuple((SCHEMA | {"precip": before}).items()) if before else ()
    assert split_of(data, found, [(rounded.id, then)]) == (rounded if kept else exact)


def test_a_column_that_becomes_text_makes_another_split():
    split = SplitSpec.model_validate({"validation": "15 %", "test": "15 %"})
    data = spec_of().data.model_copy(update={"split": split, "keys": ()})
    ids = [
        split_of(data, source(schema=SCHEMA | {"precip": kind})).id for kind in ("double", "int64", "bool", "string")
    ]
    assert ids[0] == ids[1] == ids[2] != ids[3]
