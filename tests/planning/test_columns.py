"""What a template needs of columns is compared with their types before anything starts, with the result of a run."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sample_inventory import SCHEMA, spec_of
from small_flights import SHIPPED

from raytemplate import plugins
from raytemplate.data.features.kind import load_kind
from raytemplate.data.features.options import options_of
from raytemplate.errors import DataError
from raytemplate.planning.columns import can_be_hashed, column_problems
from raytemplate.spec.load import load

TYPES = (
    pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(5, 2), pa.decimal256(40, 2),
    pa.bool_(), pa.string(), pa.large_string(), pa.string_view(), pa.timestamp("ns"), pa.timestamp("us", "UTC"),
    pa.date32(), pa.date64(), pa.time64("us"), pa.duration("us"), pa.binary(), pa.list_(pa.int8()),
    pa.struct([("a", pa.int8())]), pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.int64()),
)  # fmt: skip
LISTS = {
    "numeric": {"features.numeric": ["precip", "x"]},
    "categorical": {"features.categorical": ["x"]},
    "text": {"features.text": ["x"]},
    "datetime": {"features.datetime.x": ["hour"]},
}
KINDS = [(kind, name) for kind in plugins.names(plugins.FEATURES) for name in options_of(kind).lists if name in LISTS]


def problems(changes, **schema):
    found = column_problems(spec_of(changes), {**SCHEMA, **schema})
    return [(one.path, one.message) for one in found]


@pytest.mark.parametrize(("kind", "listed"), KINDS)
def test_a_feature_is_refused_of_just_those_types_that_its_kind_cannot_take(kind, listed):
    for one in TYPES:
        try:
            load_kind(kind).accepts("x", one.value_type if pa.types.is_dictionary(one) else one)
            accepts = True
        except DataError:
            accepts = False
        assert (problems(LISTS[listed], x=str(one)) == []) == accepts, one


CLASSES = SHIPPED.with_name("flights-late.yaml")
YES = {
    "yes of a boolean": ("yes", "bool", ('got "yes", expected true or false: column "x" is bool',)),
    "yes of a number": ("yes", "int64", ('got "yes", expected a number: column "x" is int64',)),
    "yes of text": ("", "string", ('missing; column "x" is text, expected the value that counts as yes',)),
    "a boolean's own": ("", "bool", ()),
    "a number's": ("2", "double", ()),
    "a type that is not known": ("yes", "", ()),
}


@pytest.mark.parametrize(("positive", "kind", "messages"), YES.values(), ids=YES)
def test_the_value_that_counts_as_yes_is_one_of_its_column(positive, kind, messages):
    spec = load(CLASSES, overrides={"data.target": "x", "data.positive": positive}, environ={})
    found = column_problems(spec, {**SCHEMA, "x": kind})
    assert tuple(one.message for one in found if one.path == "data.positive") == messages


def test_a_target_is_a_condition_over_its_own_kind():
    spec = load(CLASSES, overrides={"data.target": "x > 15"}, environ={})
    found = column_problems(spec, {**SCHEMA, "x": "string"})
    assert [one.message for one in found if one.path == "data.target"] == [
        "\"x\" is a text and 15 a number; write '15'"
    ]


SINGLE = "text goes in single quotes"
WRONG = {
    "a baseline by lists": (
        {"evaluation.baseline.median_by": ["x"]}, "list<element: string>",
        [("evaluation.baseline.median_by",
          'column "x" is list<element: string>, expected text, a number, a boolean or a time')],
    ),
    "folds by lists": (
        {"features.columns.carrier": {"kind": "target-mean", "fold_by": ["x"]}}, "list<element: string>",
        [("features.columns.carrier.fold_by",
          'column "x" is list<element: string>, expected text, a number, a boolean or a time')],
    ),
    "a text in double quotes": (
        {"data.drop": 'carrier = "UA"'}, "string",
        [("data.drop", f"no column \"UA\" in the data; there is {', '.join(SCHEMA)}, x; {SINGLE}: 'UA'")],
    ),
    "dates of another unit": (
        {"features.datetime.x": ["hour"]}, "date64[ms]",
        [("features.datetime", 'column "x" is date64[ms], expected a timestamp or a date')],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "kind", "found"), WRONG.values(), ids=WRONG)
def test_what_a_run_would_find_is_told(changes, kind, found):
    assert problems(changes, x=kind) == found


def test_a_name_with_a_minus_read_as_a_difference_is_told_how_it_is_written():
    found = problems({"data.drop": "x-y > 1"}, **{"x-y": "double"})
    assert [message.rpartition("; ")[2] for _, message in found] == [
        'a name that is not a plain word goes in double quotes: "x-y"'
    ] * 2


def test_names_of_a_runs_own_columns_are_refused():
    name = "__raytemplate_side"
    message = f'"{name}" begins with __raytemplate_, which is reserved for internal columns; rename it in the data'
    found = problems({"data.keys": [name], "data.drop": f"{name} > 1"}, **{name: "double"})
    assert found == [("data.keys", message), ("data.drop", message)]


def test_a_type_that_is_not_known_fits_everything():
    assert problems({"data.drop": "x = 'a' or x > 1", "features.numeric": ["precip", "x"]}, x="") == []


@pytest.mark.parametrize(("kind", "can"), [("string", True), ("list<element: int8>", False), ("time64[us]", False)])
def test_rows_are_split_by_the_columns_that_have_a_hash(kind, can):
    assert can_be_hashed(kind) is can


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"features.categorical": ["x"]}, "features.categorical"),
        ({"evaluation.slices": ["x", "carrier"]}, "evaluation.slices"),
        ({"data.mask": {"x": "hash"}, "data.mask_key": {"env": "KEY"}}, "data.mask.x"),
    ],
)
def test_a_column_with_and_without_leading_zeros_is_no_category_before_the_contract_says_what_it_holds(changes, path):
    found = column_problems(spec_of(changes), SCHEMA | {"x": "int64"}, padded=("x",))
    assert [one.path for one in found] == [path]
    assert "contract.columns.x: {type: text} for codes, or {type: integer} for numbers" in found[0].message


def test_as_a_number_it_may_be_written_with_zeros():
    assert column_problems(spec_of({"features.numeric": ["precip", "x"]}), SCHEMA | {"x": "int64"}, padded=("x",)) == ()
