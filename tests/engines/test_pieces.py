"""The pieces of files that a read task reads, and the tables it returns."""

from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder, SliceOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.data.windows import SIDE
from raytemplate.engines.ray.data import ingest, pieces
from raytemplate.engines.ray.data.pieces import Piece, Pieces, bundled, by_file, pieces_of_listing, read_piece
from raytemplate.errors import IntegrityError
from raytemplate.records.codec import Settings
from raytemplate.testing.samples import sample_snapshot

MOST_BYTES, MOST_PIECES = 4_000_000, 250


def piece(path, num_rows=1, num_bytes=1):
    order = SliceOrder(source="parquet", path=str(path), slices=(0,), columns=("x",))
    return Piece(order=order, num_rows=num_rows, num_bytes=num_bytes)


@given(
    sizes=st.lists(st.sampled_from([0, 1, 1000, 900_000, 3_999_999, 4_000_000, 4_000_001, 64_000_000]), max_size=600)
)
def test_small_pieces_share_a_task_in_their_order(sizes):
    pieces = [piece(number, num_bytes=size) for number, size in enumerate(sizes)]
    found = bundled(pieces)
    assert [one for some in found for one in some] == pieces
    for some in found:
        assert len(some) == 1 or (len(some) <= MOST_PIECES and sum(one.num_bytes for one in some) <= MOST_BYTES)
    for some, then in pairwise(found):
        full = len(some) == MOST_PIECES or sum(one.num_bytes for one in (*some, then[0])) > MOST_BYTES
        assert full, "the first of the next task would have had room"


@pytest.fixture
def files(tmp_path):
    """One file for each of these types of a column."""

    def made(*kinds):
        for number, kind in enumerate(kinds):
            pq.write_table(pa.table({"x": pa.array([number, number], kind)}), tmp_path / f"{number}.parquet")
        return [piece(tmp_path / f"{number}.parquet", num_rows=2) for number in range(len(kinds))]

    return made


def test_a_task_gives_one_table_and_each_file_is_known_in_it(files, tmp_path):
    (task,) = Pieces(tuple(files(*[pa.int64()] * 40))).get_read_tasks(1)
    (table,) = task()
    assert table.column("x").to_pylist() == [n for n in range(40) for _ in range(2)]
    found = [(path, rows.column("x").to_pylist()) for path, rows in by_file(table)]
    assert found == [(str(tmp_path / f"{n}.parquet"), [n, n]) for n in range(40)]


def test_columns_of_other_types_are_not_made_one(files):
    (task,) = Pieces(tuple(files(pa.int64(), pa.int64(), pa.float64(), pa.int64()))).get_read_tasks(1)
    assert [(str(t.schema.field("x").type), t.num_rows) for t in task()] == [("int64", 4), ("double", 2), ("int64", 2)]


CSV = """red   ,,9007199254740993
   ,a,9007199254740992
NA,b,1
red,,2
"""


@pytest.mark.parametrize("kinds", [(), ("text", "text", "number")], ids=["made before", "made now"])
def test_padded_text_in_parquet_is_on_the_side_of_the_same_text_in_csv_unless_the_split_was_made_before(
    kinds, tmp_path
):
    rules = Rules(missing=("", "NA"))
    (tmp_path / "a.csv").write_text("k,w,n\n" + CSV * 40)
    columns = {"k": ["red   ", "   ", "NA", "red"], "w": ["", "a", "b", None], "n": [2**53 + 1, 2**53, 1, 2]}
    pq.write_table(pa.table({name: values * 40 for name, values in columns.items()}), tmp_path / "a.parquet")
    found = {}
    for name, form in (("a.csv", "csv"), ("a.parquet", "parquet")):
        order = ListOrder(pattern=name, root=tmp_path, settings=Settings({"missing": ["", "NA"]}))
        (one,) = pieces_of_listing(list_files(form, order), ("w",))
        split = Split(validation=0.3, test=0.3, seed=0, columns=("k", "n", "w"), by_keys=True, kinds=kinds)
        found[form] = read_piece(replace(one, split=split, rules=rules))
        assert found[form].column("w").to_pylist() == [None, "a", "b", None] * 40
    sides = [table.column(SIDE).to_pylist() for table in found.values()]
    assert (sides[0] == sides[1]) == bool(kinds)


@pytest.mark.parametrize(
    ("source", "of_a_run", "of_a_pass"),
    [
        ("parquet", "put the file back, or start a new run", "put the file back and resume, or start a new run"),
        ("sql", *["start a new run: a query gives what its tables hold now"] * 2),
    ],
)
def test_rows_that_differ_can_be_put_back_unless_a_query_gave_them(source, of_a_run, of_a_pass):
    before = sample_snapshot(source=source)
    file = replace(before.files[0], sha256="ff" * 32)
    with pytest.raises(IntegrityError, match="not the bytes this run read before") as of_run:
        ingest._same(before, replace(before, digest="0" * 64, files=(file, *before.files[1:])))
    read = Piece(order=SliceOrder(source=source, path="x", slices=(0,), columns=("a",)), num_rows=1, num_bytes=1)
    with pytest.raises(IntegrityError, match="changed while this run was reading it") as of_pass:
        pieces._check_unchanged(replace(read, sha256="aa" * 32), file)
    assert (of_run.value.next_step, of_pass.value.next_step) == (of_a_run, of_a_pass)
