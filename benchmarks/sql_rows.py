"""Rows of PostgreSQL as the source `sql` reads them, against the same SELECT through ADBC by hand.

    python benchmarks/sql_rows.py [--rows 5000000] [--repeats 3]

Both fetch six columns of one table in a process of their own and touch every row once; the source also hashes what it
fetched. Target: at least 0.7 of the rows per second by hand, and a peak memory that does not grow with the rows.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

QUERY = "select * from measured"
COLUMNS = ("t", "n", "x", "y", "z", "word")
TABLE = """create table measured as
select timestamp '2013-01-01' + i * interval '6 seconds' as t, i as n, random() as x, random() as y, random() as z,
       'word ' || (i % 1000) as word
from generate_series(1, {rows}) as i"""


def by_hand(num_rows: int) -> int:
    """ADBC as its documentation shows it: a cursor and a reader of batches."""
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(os.environ["BENCHMARK_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {', '.join(COLUMNS)} from measured where n <= {num_rows}")
        return sum(batch.num_rows for batch in cursor.fetch_record_batch())


def by_source(num_rows: int) -> int:
    """The source, part by part."""
    from raytemplate.data.sources.reader import list_files, read_parts
    from raytemplate.data.sources.source import ListOrder, order_of
    from raytemplate.records.codec import Settings

    settings = Settings({"url": "secret:env:BENCHMARK_URL", "query": f"{QUERY} where n <= {num_rows}"})
    found = list_files("auto", ListOrder(pattern="sql", root=Path.cwd(), settings=settings, most_bytes=1))
    return sum(
        part.table.num_rows for part in read_parts(order_of(found, found.files[0], found.files[0].slices, COLUMNS))
    )


WAYS: dict[str, Callable[[int], int]] = {"by hand": by_hand, "source": by_source}


def one(way: str, num_rows: int) -> None:
    """One measurement, in this process."""
    WAYS[way](1)  # imports and a first connection
    began = time.perf_counter()
    found = WAYS[way](num_rows)
    took = time.perf_counter() - began
    assert found == num_rows
    print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def measured(way: str, num_rows: int) -> tuple[float, float]:
    """(seconds, peak memory in MB) of a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--rows", str(num_rows)]
    took, peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return took, peak


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--rows", type=int, default=5_000_000)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--way", choices=list(WAYS))
    asked = options.parse_args()
    if asked.way:
        return one(asked.way, asked.rows)
    import adbc_driver_postgresql.dbapi as adbc
    from postgres_server import postgres_server

    with postgres_server() as url:
        os.environ["BENCHMARK_URL"] = url
        with adbc.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(TABLE.format(rows=asked.rows))
            connection.commit()
        print(f"load at the start {os.getloadavg()[0]:.1f}, {asked.rows:,} rows, {asked.repeats} repeats in turn")
        rows = {way: list[float]() for way in WAYS}
        for _ in range(asked.repeats):
            for way in WAYS:
                took, peak = measured(way, asked.rows)
                rows[way].append(asked.rows / took)
                print(f"  {way:<8}  {took:6.2f} s  {asked.rows / took / 1e6:5.2f} M rows/s  peak {peak:5.0f} MB")
        ratio = statistics.median(rows["source"]) / statistics.median(rows["by hand"])
        print(f"ratio {ratio:.2f}, target at least 0.7")
        fifth = measured("source", asked.rows // 5)[1]
        print(f"peak memory of the source with a fifth of the rows: {fifth:.0f} MB")
    return None


if __name__ == "__main__":
    main()
