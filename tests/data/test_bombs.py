"""Small files that unpack to a lot are refused before their first row, in time and memory that everybody has."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate.data.sources.dictionary_sizes import decoded_bytes, may_repeat

READ = """
import resource, sys, time
from pathlib import Path
from raytemplate import plugins
from raytemplate.data.sources.source import ListOrder, order_of
from raytemplate.errors import DataError

source = plugins.load(plugins.SOURCES, sys.argv[1])
import gzip, pyarrow.csv, pyarrow.json
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    table = source.list_source(ListOrder(pattern=sys.argv[2], root=Path(sys.argv[3]), time="time"))
    source.read_slice(order_of(table, table.files[0], table.files[0].slices, tuple(table.schema)))
except DataError as error:
    print(error.what)
print(time.process_time() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def packed(path: Path, record: bytes, num_bytes: int) -> Path:
    """A gzip file of many members, which is written at once: each unpacks to the same 8 MB."""
    member = gzip.compress(record * (8_000_000 // len(record)), compresslevel=9)
    path.write_bytes(member * (num_bytes // 8_000_000))
    return path


def one_long_text(path: Path) -> Path:
    """9 KB: a text of 400 kB that 2,000 rows repeat, which the footer counts once."""
    repeated = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_000, dtype="int32")), pa.array(["x" * 400_000]))
    table = pa.table({"time": pa.array(range(2_000), pa.timestamp("s", "UTC")), "s": repeated})
    pq.write_table(table, path, compression="zstd", store_schema=False)
    return path


def many_rows(path: Path) -> Path:
    """Columns of the same number."""
    zeros = pa.array(np.zeros(4_000_000))
    times = pa.repeat(pa.scalar(0, pa.timestamp("s", "UTC")), 4_000_000)
    table = pa.table({"time": times, **{f"x{number}": zeros for number in range(20)}})
    pq.write_table(table, path, row_group_size=4_000_000, store_schema=False)
    return path


BOMBS = {
    "csv": lambda folder: packed(folder / "a.csv.gz", b"2013-01-01,1\n", 2_000_000_000),
    "jsonl": lambda folder: packed(folder / "a.jsonl.gz", b'{"time": "2013-01-01", "x": 1}\n', 2_000_000_000),
    "one record": lambda folder: packed(folder / "a.csv.gz", b"x" * 1000, 2_000_000_000),
    "long text": lambda folder: one_long_text(folder / "a.parquet"),
    "many rows": lambda folder: many_rows(folder / "a.parquet"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_its_first_row_in_two_seconds_and_200_mb(tmp_path: Path, bomb: str) -> None:
    path = BOMBS[bomb](tmp_path)
    kind = {".csv.gz": "csv", ".jsonl.gz": "jsonl"}.get("".join(path.suffixes), "parquet")
    ended = subprocess.run(
        [sys.executable, "-c", READ, kind, path.name, str(tmp_path)], capture_output=True, text=True, check=True
    )
    told, (took_s, grown_mb) = ended.stdout.splitlines()[:-1], map(float, ended.stdout.splitlines()[-1].split())
    assert told and path.name in told[0] and ("unpack" in told[0] or "field larger" in told[0]), ended.stdout
    assert took_s < 2 and grown_mb < 200


def test_a_text_that_repeats_is_read_while_it_is_small(tmp_path: Path) -> None:
    chunks = pq.read_metadata(one_long_text(tmp_path / "a.parquet")).row_group(0)
    texts = [chunks.column(index) for index in range(chunks.num_columns)]
    assert may_repeat(texts, 900_000_000) == () and may_repeat(texts, 700_000_000) == ("s",)
    file = pq.ParquetFile(tmp_path / "a.parquet", read_dictionary=["s"])
    assert decoded_bytes(file, 0, ("s",)) == 2_000 * 400_000
