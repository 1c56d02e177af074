"""Whole numbers beyond 2^53 are never rounded: in a split, conditions, contracts, classes, files and `init`."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from breaches import breaches
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data.conditions import parse_condition
from raytemplate.data.exact import above, below, equals
from raytemplate.data.options import as_text
from raytemplate.data.sources.reader import list_files, read_slices
from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.data.split import row_hashes
from raytemplate.data.target import class_texts
from raytemplate.records.codec import Settings
from raytemplate.starting.survey.roles import roles_of
from raytemplate.starting.survey.survey import Asked, survey

BIG = 2**53
TYPES = {
    "int64": pa.int64(), "uint64": pa.uint64(), "decimal128": pa.decimal128(38, 0),
    "decimal(38,2)": pa.decimal128(38, 2),
}  # fmt: skip
NUMBERS = st.one_of(
    st.integers(0, 2**63 - 1), st.integers(BIG - 3, BIG + 3), st.sampled_from([0, 1, 2**60, 2**62 + 1, 10**18 + 1])
)


def column(values, kind):
    made = Decimal if pa.types.is_decimal(kind) else float if pa.types.is_floating(kind) else lambda value: value
    return pa.chunked_array([pa.array([None if value is None else made(value) for value in values], kind)])


def hashes(values, kind):
    return row_hashes(pa.table({"x": column(values, kind)}), ["x"], 0).tolist()


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_a_row_has_one_hash_whatever_type_its_numbers_have(values):
    found = [hashes(values, kind) for kind in TYPES.values()]
    assert all(other == found[0] for other in found)
    assert len(set(found[0])) == len(set(values))


@settings(deadline=None)
@given(st.lists(st.one_of(NUMBERS, st.integers(-(2**63), 2**64)), min_size=1, max_size=8))
def test_a_number_that_a_float_holds_keeps_its_old_hash(values):
    held = [value for value in values if int(float(value)) == value]
    as_floats = row_hashes(pa.table({"x": pa.array(map(float, held), pa.float64())}), ["x"], 0).tolist()
    assert hashes(held, pa.decimal128(38, 0)) == as_floats


def test_hashes_of_large_numbers_are_written_down():
    values = [BIG, BIG + 1, 90000000000000000001]
    assert hashes(values, pa.decimal128(38, 0)) == [16629696389665586684, 12337318471485418554, 16764504313251402484]
    assert hashes(values[2:], pa.decimal128(38, 0)) == hashes([str(values[2])], pa.string())
    assert hashes([BIG + 1, None], pa.int64())[1] == hashes([None], pa.null())[0]


LIMITS = st.one_of(NUMBERS, st.integers(-(10**30), 10**30), st.floats(-1e20, 1e20), st.sampled_from([0.1, 0.5, 1e300]))


@pytest.mark.parametrize("name", [*TYPES, "double"])
@settings(deadline=None)
@given(values=st.lists(NUMBERS, min_size=1, max_size=6), limit=LIMITS)
def test_numbers_are_compared_with_a_limit_as_they_are(name, values, limit):
    kind = TYPES.get(name, pa.float64())
    exact = [Fraction(float(value)) if name == "double" else Fraction(value) for value in values]
    other = Fraction(limit) if name == "double" or isinstance(limit, int) else Fraction(Decimal(str(limit)))
    found = column(values, kind)
    assert below(found, limit).to_pylist() == [value < other for value in exact]
    assert above(found, limit).to_pylist() == [value > other for value in exact]
    assert equals(found, limit).to_pylist() == [value == other for value in exact]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize(
    ("promise", "broken"),
    [
        ({"max": BIG}, 1),
        ({"max": BIG + 1}, 0),
        ({"min": BIG + 1}, 1),
        ({"min": BIG}, 0),
        ({"values": [BIG, BIG + 1]}, 0),
        ({"values": [BIG]}, 1),
        ({"values": [BIG + 2]}, 2),
    ],
    ids=str,
)
def test_a_contract_is_checked_to_the_last_digit(name, promise, broken):
    table = pa.table({"x": column([BIG, BIG + 1, None], TYPES[name])})
    found = breaches(table, {"x": {"type": "integer", **promise}}, "a.csv")
    assert sum(breach.num_rows for breach in found) == broken


VALUES = [BIG, BIG + 1, 2**62 + 1]


@pytest.mark.parametrize("name", ["int64", "uint64", "decimal128"])
@pytest.mark.parametrize(
    ("condition", "right"),
    [
        (f"x = {BIG + 1}", 1),
        (f"x = {BIG}", 1),
        (f"x > {BIG}.5", 2),
        (f"x < {BIG}.5", 1),
        (f"x > {BIG}", 2),
        (f"x in ({BIG + 1}, 5)", 1),
        (f"x between {BIG + 1} and {BIG + 1}", 1),
        (f"x <> {2**62}", 3),
        ("x > -1", 3),
        ("x < 99999999999999999999", 3),
        (f"x in ({2**62 + 1}, 99999999999999999999)", 1),
        ("x > 1e15", 3),
        ("x + 1 > 5", 3),
        ("x = y", 3),
        (f"y = {BIG + 1}", 1),
    ],
)
def test_conditions_compare_to_the_last_digit(name, condition, right):
    kinds = (TYPES[name], pa.uint64() if name == "int64" else pa.int64())
    table = pa.table({n: column(VALUES, kind) for n, kind in zip("xy", kinds, strict=True)})
    assert table.filter(parse_condition(condition).expression(table.schema)).num_rows == right


def test_classes_are_told_apart_by_the_last_digit():
    for kind in (pa.int64(), pa.uint64(), pa.decimal128(38, 0)):
        assert class_texts(column([BIG, BIG + 1, None], kind)).to_pylist() == [str(BIG), str(BIG + 1), None]
    floats = pa.chunked_array([[1.0, 1e16, 1.5, float("nan"), 1e300]])
    assert class_texts(floats).to_pylist() == ["1", "10000000000000000", "1.5", None, "1e+300"]
    assert [as_text(v) for v in (BIG + 1, 1.0, 1e16, 0.1, True, "x")] == [
        str(BIG + 1),
        "1",
        "10000000000000000",
        "0.1",
        "true",
        "x",
    ]


def write(path, numbers):
    if path.suffix == ".csv":
        path.write_text("account,y\n" + "".join(f"{n},{i % 7}\n" for i, n in enumerate(numbers)))
    elif path.suffix == ".jsonl":
        path.write_text("".join(f'{{"account": {n}, "y": {i % 7}}}\n' for i, n in enumerate(numbers)))
    else:
        accounts = pa.array(map(Decimal, numbers), pa.decimal128(20, 0))
        pq.write_table(pa.table({"account": accounts, "y": np.arange(len(numbers)) % 7}), path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    ("numbers", "use"),
    [
        ([90000000000000000000 + i for i in range(1_200)], "key"),
        ([90000000000000000000 + 7 * i for i in range(1_200)], "key"),
        ([90000000000000000000 + i % 9 for i in range(1_200)], "categorical"),
        ([90000000000000000000 + i % 900 for i in range(1_200)], "categorical"),
    ],
    ids=["consecutive", "apart", "few", "many"],
)
def test_init_knows_accounts_of_20_digits_from_one_another(tmp_path, name, numbers, use):
    write(tmp_path / name, numbers)
    found = survey(Asked(data=name, target="y"), tmp_path)
    facts = found.column("account")
    assert (facts.type, facts.min, facts.max) == ("integer", min(numbers), max(numbers))
    assert [role.use for role in roles_of(found) if role.column.name == "account"] == [use]


@pytest.mark.parametrize("promised", ["", "integer", "number", "text"])
def test_a_file_of_large_numbers_is_read_exactly_unless_floats_are_promised(tmp_path, promised):
    write(tmp_path / "a.csv", [90000000000000000001, 7])
    types = {"account": promised} if promised else {}
    order = ListOrder(pattern="a.csv", root=tmp_path, types=types, settings=Settings({}))
    kinds = {"": "decimal128(38, 0)", "integer": "decimal128(38, 0)", "number": "double", "text": "string"}
    assert list_files("auto", order).schema["account"] == kinds[promised]


@pytest.mark.parametrize("beside", ["+7", "7.0", "-7.000", "+0", "9007199254740995"])
def test_a_large_number_of_a_file_is_exact_however_its_neighbours_are_written(tmp_path, beside):
    text = f"+{BIG + 1}" if beside == "9007199254740995" else str(BIG + 1)
    write(tmp_path / "a.csv", [text, beside])
    source = list_files("auto", ListOrder(pattern="a.csv", root=tmp_path, settings=Settings({})))
    (file,) = source.files
    found = read_slices(order_of(source, file, file.slices, ("account",))).table.column("account").to_pylist()
    assert [int(value) for value in found] == [BIG + 1, int(float(beside)) if "." in beside else int(beside)]
