"""A model's record tells how to read the values of every column: from any format, rows and keys are the same."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raytemplate.data.features.encoding import FittedColumn, FittedFeatures
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.text.rules import Rules
from raytemplate.engines.ray.data.pieces import pieces_of_listing, read_piece, take_accounts
from raytemplate.errors import DataError
from raytemplate.models.saved import About, SavedModel, layout_of
from raytemplate.records.codec import Settings
from raytemplate.store.frames import table_of

AT = datetime(2024, 1, 1, tzinfo=UTC)
BIG = 2**53 + 1
RULES = Rules(missing=("", "n/a", "inf"), dates=("%Y%m%d", "%d.%m.%Y"))


def category(column, family, *values):
    state = {"encoding": "embedding", "values": list(values)}
    return FittedColumn(kind="categorical", column=column, type=family, state=Settings(state))


NUMBER = {"transform": "none", "fill": -1.0, "mean": 0.0, "divisor": 1.0, "bound": 1e30}
PARTS = {"parts": ["weekday", "hour"], "first_year": 2024, "last_year": 2024}
FEATURES = (
    FittedColumn(kind="numeric", column="n", type="number", state=Settings(NUMBER)),
    category("k", "text", "red", "green", "NA"),
    category("c", "whole number", "1", "2", str(BIG)),
    category("b", "boolean", "true", "false"),
    FittedColumn(kind="datetime", column="t", type="time", state=Settings(PARTS)),
)
TYPES = {"n": "number", "k": "text", "c": "integer", "b": "boolean", "t": "time"}


class Shows:
    """A predictor that returns its input."""

    def predict(self, dense, codes):
        return np.hstack([dense, codes]).astype(np.float64)


def model(keys=("key",), rules=RULES, types=TYPES, features=FEATURES, reading=None):
    about = About(
        name="m",
        family="linear",
        target="y",
        columns=tuple(f.column for f in features),
        keys=keys,
        epoch=1,
        plan_id="",
        snapshot="",
        seen_from=AT,
        seen_until=AT,
        rules=rules,
        types=Settings(types),
        reading=Settings(reading or {}),
    )
    codes = tuple(f"{f.column}.{part}" for f in features if f.kind != "numeric" for part in f.state.get("parts", [0]))
    fitted = FittedFeatures(
        features=features,
        dense=tuple(f.column for f in features if f.kind == "numeric"),
        codes=codes,
        cardinalities=(100,) * len(codes),
        target="y",
        target_mean=0.0,
        target_std=1.0,
        num_rows=1,
    )
    return SavedModel(about=about, features=fitted, layout=layout_of(fitted), predictor=Shows(), code=None)  # type: ignore[arg-type]


def of_files(found, folder, pattern="."):
    """(encoded rows, keys as they are returned) of files, read as `predict` reads them."""
    source = list_files("auto", found.about.order(pattern, folder, found.mask.columns if found.mask else ()))
    columns = tuple(n for n in dict.fromkeys((*found.about.columns, *found.about.keys)) if n in source.schema)
    table = pa.concat_tables(read_piece(piece) for piece in pieces_of_listing(source, columns))
    return of_frame(found, take_accounts(table)[0])


def of_frame(found, frame):
    table = table_of(frame, tuple(dict.fromkeys((*found.features.columns, *found.about.keys))))
    values, _ = found.predict(table)
    given = found.masked(table)
    keys = [[None if v is None else str(v) for v in given.column(key).to_pylist()] for key in found.about.keys]
    return values.tolist(), keys


def write_csv(path, rows):
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({n: "" if v is None else str(v).lower() if isinstance(v, bool) else v for n, v in row.items()})
    content = sink.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


TEXTS = st.sampled_from(["red", "red   ", " green", "blue", "", "   ", "n/a", "NA", None])
ROW = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["00000001", "90000000000000000001", "A  1", "x,y", '"q"', "7"]),
        "n": st.sampled_from([0.5, 3.0, -2.25, None]),
        "k": TEXTS,
        "c": st.sampled_from([1, 2, BIG, BIG - 1, 2**63 + 5, 9, None]),
        "b": st.sampled_from([True, False, None]),
        "t": st.sampled_from([datetime(2024, 1, 31), datetime(2024, 2, 29, 17), None]),
    }
)


def in_text(row):
    return {**row, "t": row["t"] and row["t"].isoformat()}


def in_arrow(rows, kind=None):
    types = {"key": pa.string(), "n": pa.float64(), "k": pa.string(), "c": pa.decimal128(38, 0), "b": pa.bool_()}
    types |= {"t": pa.timestamp("us")} | (kind or {})
    return pa.table({n: pa.array([row[n] for row in rows], types[n]) for n in types})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=12))
def test_rows_and_keys_are_the_same_whatever_brings_them(tmp_path_factory, rows):
    folder, found = tmp_path_factory.mktemp("rows"), model()
    table = in_arrow(rows)
    expected = of_frame(found, table)
    assert expected[1] == [[row["key"] for row in rows]]
    for name in ("a.csv", "b.csv.gz"):
        write_csv(folder / name, [in_text(row) for row in rows])
        assert of_files(found, folder, name) == expected, name
    write_jsonl(folder / "a.jsonl", [in_text(row) for row in rows])
    assert of_files(found, folder, "a.jsonl") == expected
    pq.write_table(table, folder / "a.parquet")
    assert of_files(found, folder, "a.parquet") == expected
    other = in_arrow(rows, {"k": pa.large_string(), "t": pa.timestamp("ns"), "n": pa.float32()})
    pq.write_table(other.set_column(2, "k", other.column("k").dictionary_encode()), folder / "b.parquet")
    assert of_files(found, folder, "b.parquet") == expected
    for frame in (polars.from_arrow(table), pandas.DataFrame([in_text(row) for row in rows], dtype=object)):
        assert of_frame(found, frame) == expected, type(frame)


ONE = {"n": "1", "k": "red", "c": "1", "b": "true", "t": "2024-01-31"}


@pytest.mark.parametrize(
    "keys",
    [
        ["90000000000000000001", "90000000000000000002"],
        ["00000001", "00000002"],
        ["7", "8"],
        ["-5", "0"],
        ["007", "8"],
        ["+5", "5"],
        ["1.50", "1.5"],
        ["1e5", "100000"],
        ["True", "False"],
        ["2024-01-31", "2024-02-01"],
        ["2024-01-31T06:00", "x"],
        ["9007199254740993", "9223372036854775807"],
        ["18446744073709551615", "1"],
        [" a", "b  "],
        ["NA", "n/a"],
        ["9" * 60, "1"],
        ["7", ""],
    ],
    ids=lambda keys: repr(keys[0])[:22],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_keys_are_given_back_as_they_are_written(tmp_path, name, keys):
    rows = [{**ONE, "key": key} for key in keys]
    if name == "a.csv":
        write_csv(tmp_path / name, rows)
    elif name == "a.jsonl":
        typed = {"n": 1.0, "c": 1, "b": True}
        write_jsonl(tmp_path / name, [{**row, **typed, "key": row["key"] or None} for row in rows])
    else:
        pq.write_table(pa.table({n: [row[n] or None for row in rows] for n in rows[0]}), tmp_path / name)
    assert of_files(model(), tmp_path, name)[1] == [[key or None for key in keys]]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([2**64 - 1, 1], pa.uint64()), ["18446744073709551615", "1"]),
        (pa.array([Decimal(90000000000000000001), Decimal(1)], pa.decimal128(20, 0)), ["90000000000000000001", "1"]),
        (pa.array([2**53 + 1, None], pa.int64()), ["9007199254740993", None]),
        (pa.array([date(2024, 1, 31), None], pa.date32()), ["2024-01-31", None]),
        (pa.array(["A1  ", "B"]).dictionary_encode(), ["A1  ", "B"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_keys_of_parquet_and_frames_keep_type_and_value(tmp_path, values, shown):
    table = pa.table({**{name: [value] * 2 for name, value in ONE.items()}, "key": values})
    pq.write_table(table, tmp_path / "a.parquet")
    for found in (of_files(model(), tmp_path), of_frame(model(), table), of_frame(model(), polars.from_arrow(table))):
        assert found[1] == [shown]


def test_a_key_that_is_a_feature_too_is_read_as_in_training_and_given_back_as_written(tmp_path):
    write_csv(tmp_path / "a.csv", [{**ONE, "c": text} for text in ("01", "2", "9007199254740993", "003")])
    values, keys = of_files(model(keys=("c",)), tmp_path)
    assert keys == [["01", "2", "9007199254740993", "003"]]
    assert [row[2] for row in values] == [2, 3, 4, 0]


def test_parts_of_a_path_are_given_back_as_they_are_written(tmp_path):
    parts = {"c": "01", "t": "2024-01-31", "key": "007"}
    folder = tmp_path.joinpath(*(f"{name}={value}" for name, value in parts.items()))
    folder.mkdir(parents=True)
    write_csv(folder / "a.csv", [{"n": "1", "k": "red", "b": "true"}])
    values, keys = of_files(model(keys=("key", "c", "t")), tmp_path)
    assert keys == [["007"], ["01"], ["2024-01-31"]]
    assert values == of_frame(model(keys=()), pa.table({name: [value] for name, value in ONE.items()}))[0]


COLUMNS = [
    ("t", "time", ["20240131", "20240201"], [20240131, 20240201]),
    ("t", "time", ["31.01.2024", "20240201"], [date(2024, 1, 31), date(2024, 2, 1)]),
    ("t", "time", ["2024-01-31T06:00Z", "2024-02-01T07:00Z"],
     pa.array([datetime(2024, 1, 31, 6, tzinfo=UTC), datetime(2024, 2, 1, 7, tzinfo=UTC)], pa.timestamp("ns", "UTC"))),
    ("b", "boolean", ["1", "0"], [True, False]), ("b", "boolean", ["TRUE", "false"], [1, 0]),
    ("b", "boolean", ["true", ""], [1.0, None]), ("c", "integer", ["1", ""], [1.0, None]),
    ("c", "integer", ["1.0", "9007199254740993"], [Decimal(1), Decimal(BIG)]),
    ("c", "integer", ["01", "NA"], [1, None]),
    ("n", "number", ["2.50", "-"], [Decimal("2.5"), None]), ("n", "number", ["3", "1e2"], [3, 100]),
    ("k", "text", ["red  ", "n/a"], ["red", None]), ("k", "text", ["1", "22"], [1.0, 22.0]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "word", "texts", "typed"), COLUMNS, ids=[f"{c[1]} {c[2][0]}" for c in COLUMNS])
def test_text_and_values_of_other_types_are_taken_as_one(tmp_path, name, word, texts, typed):
    one = {column: [value] * 2 for column, value in ONE.items()}
    expected = of_frame(model(keys=()), pa.table({**one, name: typed}))
    assert of_frame(model(keys=()), pandas.DataFrame({**one, name: texts})) == expected
    write_csv(tmp_path / "a.csv", [{**ONE, name: text} for text in texts])
    assert of_files(model(keys=()), tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("t", "soon", 'column t is "soon" in row 2, expected ISO 8601, to the microsecond, such as'),
        ("n", "many", 'column n is "many" in row 2, expected a number'),
        ("c", "1.5", 'column c is "1.5" in row 2, expected a whole number'),
        ("b", "perhaps", 'column b is "perhaps" in row 2, expected true or false'),
        ("c", 1.5, "column c is 1.5 in row 2, expected a whole number"),
        ("b", 2, "column b is 2 in row 2, expected true, false, 1 or 0"),
        ("k", date(2024, 1, 1), "column k is date32[day], not text, a whole number or a boolean"),
    ],
)
def test_what_cannot_be_read_so_is_named_with_column_row_and_value(name, value, message):
    one = {column: [text] * 2 for column, text in ONE.items()}
    first = one[name] if isinstance(value, str) else [{"c": 1.0, "b": 1, "k": date(2024, 1, 2)}[name]]
    with pytest.raises(DataError) as refused:
        of_frame(model(keys=()), pa.table({**one, name: [first[0], value]}))
    assert refused.value.what.startswith(message)


def test_a_model_made_before_takes_values_as_they_come(tmp_path):
    before = model(rules=None, types={}, features=(category("k", "text", "red", "red  ", ""),))
    table = pa.table({"k": ["red", "red  ", "", None], "key": [" 1", "", "x", "y"]})
    assert of_frame(before, table)[0] == [[2], [3], [4], [1]]
    (tmp_path / "a.csv").write_text("key,k\n007,red  \n")
    assert of_files(before, tmp_path) == ([[2]], [["7"]])


def test_a_frame_of_objects_of_several_types_is_text():
    found = of_frame(
        model(keys=()),
        pandas.DataFrame(
            {name: [value, value] for name, value in ONE.items()}
            | {
                "k": pandas.Series(["red", 7], dtype=object),
                "c": pandas.Series([2**70, 1], dtype=object),
            }
        ),
    )
    assert [row[1:3] for row in found[0]] == [[2, 0], [0, 2]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2024-01-31", "1.5,2024-01-31"], 'a.csv:3: column c is "1.5", expected int64'),
        (["9223372036854775808,2024-01-31", "1,soon"], 'a.csv:3: column t is "soon", expected ISO 8601'),
        (["1,2024-01-31T00:00Z", "1,soon"], 'a.csv:3: column t is "soon", expected ISO 8601'),
    ],
)
def test_a_file_with_a_value_of_another_type_is_refused_at_its_line(tmp_path, rows, message):
    (tmp_path / "a.csv").write_text("\n".join(["c,t", *rows]) + "\n")
    with pytest.raises(DataError) as refused:
        of_files(model(keys=(), features=(FEATURES[2], FEATURES[4])), tmp_path, "a.csv")
    assert refused.value.what.startswith(f"{tmp_path}/{message}")


@pytest.mark.parametrize("key", ["prediction", "model_version"])
def test_a_model_whose_key_predict_writes_itself_says_so(key):
    with pytest.raises(DataError, match=f"^m: its key {key} has the name of a column that predict writes itself$"):
        model(keys=(key,)).check_keys()
    model(keys=("probability_a",)).check_keys()


ZIP = (category("zip", "text", "00007", "12345"),)
LOST = 'column zip is {}, but was text such as "00007" in training: a number has lost the leading zeros'


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("int64", pandas.DataFrame({"zip": [7, 12345]})),
        ("double", pandas.DataFrame({"zip": [7.0, None]})),
        ("int64", polars.DataFrame({"zip": [7]})),
        ("decimal128(5, 0)", pa.table({"zip": pa.array([Decimal(7)], pa.decimal128(5, 0))})),
    ],
    ids=["pandas", "pandas with a missing one", "polars", "decimals"],
)
def test_numbers_for_text_with_leading_zeros_are_refused(kind, frame):
    found = model(keys=(), types={"zip": "text"}, features=ZIP)
    with pytest.raises(DataError) as caught:
        of_frame(found, frame)
    assert str(caught.value) == LOST.format(kind)
    assert caught.value.next_step == 'read it as text, in pandas with dtype={"zip": str}'


@pytest.mark.parametrize(("values", "right"), [(["00007"], [2.0]), (["7"], [0.0]), ([None], [1.0])])
def test_text_for_text_with_leading_zeros_is_taken(values, right):
    found = model(keys=(), types={"zip": "text"}, features=ZIP)
    assert of_frame(found, pa.table({"zip": pa.array(values, pa.string())}))[0] == [right]


def test_numbers_for_text_without_leading_zeros_are_taken():
    found = model(keys=(), types={"zip": "text"}, features=(category("zip", "text", "7", "x"),))
    assert of_frame(found, pandas.DataFrame({"zip": [7]}))[0] == [[2.0]]
