"""How fast is a raw profile, how close is it, and what does the next month cost? Compared with DuckDB's SUMMARIZE.

    raytemplate init DIR --example flights
    python benchmarks/data_profile.py DIR [--repeats 7] [--rows 1000000 10000000] [--only rows] [--quick]

DuckDB is not a dependency: `pip install duckdb` first. Both read the same Parquet file on one thread.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from one_machine import (
    BenchmarkError,
    Target,
    Timed,
    interleave,
    machine,
    median,
    spread,
    table,
    versions,
    write_report,
)
from reuse import flights as copy_flights

from raytemplate.data.profile.cells import Cells
from raytemplate.data.profile.summary import window_profile
from raytemplate.data.profile.table import Asked, table_profile
from raytemplate.data.profile.windows import AllRows, ProfileOrder, profile_windows
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.planning.look import look
from raytemplate.planning.profiling import profile_order
from raytemplate.records.profiled import WindowProfile
from raytemplate.spec.load import load
from raytemplate.store.workspace import Workspace

VALUES_A_SECOND, OF_DUCKDB, NEXT_MONTH = 5e6, 0.5, 0.15
RANK, DISTINCT, GROWTH = 0.01, 0.02, 1.25
MONTH_BEFORE, MONTH = "2013-12-01", "2014-01-01"
MOST_EXACT = 10_000_000
"""Most rows for which errors are measured: the exact answer needs all of them in memory."""
DUCKDB = "duckdb SUMMARIZE"
PROFILE = "profile"
MONTH_COPIES = (1, 10)
"""Months of 28,000 rows, in which what a file costs whatever its size weighs much, and of 280,000."""
PARTS = ("flights", "wide", "month", "rows")
WIDE_ROWS = 8_000
_PEAK = (
    "import resource, sys; sys.path.insert(0, {here!r}); from pathlib import Path; from data_profile import profiled;"
    "profiled(Path({path!r})); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)"
)


def profiled(path: Path) -> WindowProfile:
    """The profile of all columns of one file, on one thread, from reading to quantiles. Nothing is kept."""
    pa.set_cpu_count(1)
    source = list_files("parquet", ListOrder(pattern=path.name, root=path.parent))
    columns = tuple(source.schema)
    order = ProfileOrder(
        source=source, windows=(AllRows(name="all"),), columns=columns, asked=Asked(columns=columns), rules=Rules()
    )
    return window_profile("all", profile_windows(order, Cells(root=None)).windows["all"])


def summarized(path: Path) -> None:
    """The same by DuckDB."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute(f"SUMMARIZE SELECT * FROM read_parquet('{path}')").fetchall()
    connection.close()


def timed(work: Callable[[], object]) -> Timed:
    """Run `work` in this process."""
    began = time.perf_counter()
    work()
    return Timed(wall_clock_s=time.perf_counter() - began, peak_rss_mb=0.0)


def months(folder: Path, repeats: int) -> dict[str, list[Timed]]:
    """The first pass over the windows as of December's end, against the same with all but December kept: seconds, and
    seconds of CPU, since the first pass reads two files at a time and a single file is read on one core."""
    spec = load(folder / "flights-air-time.yaml", environ={})

    found: dict[str, list[Timed]] = {}

    def passed(kept: Path, as_of: str, name: str) -> None:
        inventory, began = look(spec, Workspace(folder)), time.process_time()
        wall = timed(lambda: profile_windows(profile_order(spec, inventory, as_of).order, Cells(root=kept)))
        found.setdefault(name, []).append(wall)
        cpu = Timed(wall_clock_s=time.process_time() - began, peak_rss_mb=0.0)
        found.setdefault(f"{name}, CPU", []).append(cpu)

    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            passed(Path(other), MONTH_BEFORE, "eleven files")
            passed(Path(one), MONTH, "all twelve files")
            passed(Path(other), MONTH, "a month added")
    return found


def write_numbers(path: Path, num_rows: int) -> None:
    """Many rows of every sort of column: few values, many numbers, texts that all differ."""
    random = np.random.default_rng(7)
    with pq.ParquetWriter(path, _rows(random, 0, 1).schema) as writer:
        for first in range(0, num_rows, 250_000):
            writer.write_table(_rows(random, first, min(250_000, num_rows - first)))


def _rows(random: np.random.Generator, first: int, num: int) -> pa.Table:
    rows = np.arange(first, first + num)
    return pa.table(
        {
            "normal": random.normal(size=num),
            "lognormal": random.lognormal(size=num),
            "whole": random.integers(0, 5_000_000, num),
            "kind": pa.array(random.integers(0, 50, num).astype(str)),
            "key": pa.array([f"K{row:09d}" for row in rows]),
        }
    )


def peak_mb(path: Path) -> float:
    """Memory of a process that profiles a file."""
    code = _PEAK.format(here=str(HERE), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(done.stderr[-500:])
    return float(done.stdout)


def errors(path: Path) -> tuple[float, float]:
    """(greatest error of a percentile's rank, greatest relative error of a number of distinct values)."""
    found, rows = profiled(path), pq.read_table(path)
    ranks, distinct = [0.0], [0.0]
    for name, column in found.columns.items():
        values = rows.column(name).drop_null()
        distinct.append(abs(column.num_distinct / len(values.unique()) - 1))
        if column.percentiles:
            ordered, at = np.sort(values.to_numpy()), np.array(column.percentiles)
            below, until = (np.searchsorted(ordered, at, side=side) / len(ordered) for side in ("left", "right"))
            wanted = np.arange(101) / 100
            ranks.append(float(np.maximum(below - wanted, wanted - until).max()))
    return max(ranks), max(distinct)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 50_000_000], help="for memory and errors")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="only these; writes no report")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--quick", action="store_true", help="few rows, once: does it run at all?")
    return parser.parse_args()


def main() -> int:
    """Measure, then print and write the report."""
    options, began = parse(), datetime.now(UTC)
    if options.quick:
        options.repeats, options.rows = 1, [20_000]
    if "flights" in options.only:
        try:
            import duckdb as _  # noqa: F401
        except ImportError:
            print("data_profile: needs duckdb\n  pip install duckdb", file=sys.stderr)
            return 1
    asked = f"--repeats {options.repeats} --rows {' '.join(map(str, options.rows))}"
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine()}
    header["command"] = f"python benchmarks/data_profile.py DIR {asked} --only {' '.join(options.only)}"
    header["versions"] = ", ".join(f"{name} {v}" for name, v in versions().items())
    limits, seconds, peaks = list[Target](), dict[str, list[Timed]](), dict[int, float]()
    with tempfile.TemporaryDirectory(prefix="data-profile-") as place:
        if "flights" in options.only:
            limits += flights(options, Path(place), seconds)
        if "wide" in options.only:
            limits += wide(20 if options.quick else 2_000, options.repeats, seconds)
        if "month" in options.only:
            for copies in (1,) if options.quick else MONTH_COPIES:
                folder = Path(place) / f"month-{copies}"
                copy_flights(options.folder, folder, copies)
                name = f"{copies} times flights" if copies > 1 else "flights"
                kept = {f"{what}, {name}": spent for what, spent in months(folder, options.repeats).items()}
                seconds |= kept
                for which in ("", ", CPU"):
                    whole, more = (
                        median(kept[f"{what}{which}, {name}"]) or 1.0 for what in ("all twelve files", "a month added")
                    )
                    what = f"next month / first pass{which}, {name}"
                    limits.append(Target(name=what, found=more / whole, high=NEXT_MONTH, unit="x"))
        if "rows" in options.only:
            limits += generated(options.rows, Path(place), peaks)
    whole = not options.quick and set(options.only) == set(PARTS)
    path = options.results / f"data_profile_{header['cores']}cores_{began:%Y%m}.md"
    write_report(report(header, limits, seconds, peaks, quick=options.quick), path if whole else None)
    return 0


def flights(options: argparse.Namespace, place: Path, seconds: dict[str, list[Timed]]) -> list[Target]:
    """All columns of the flights in one file, beside DuckDB."""
    whole = place / "flights.parquet"
    rows = pa.concat_tables([pq.read_table(path) for path in sorted((options.folder / "data/flights").glob("*"))])
    pq.write_table(rows, whole)
    doors = {PROFILE: lambda: timed(lambda: profiled(whole)), DUCKDB: lambda: timed(lambda: summarized(whole))}
    both = interleave(doors, dict.fromkeys(doors, options.repeats), warm_up=True)
    seconds |= both
    ours, theirs = (median(both[name]) or 1.0 for name in (PROFILE, DUCKDB))
    speed = rows.num_rows * rows.num_columns / ours / 1e6
    return [
        Target(name="flights, one thread", found=speed, low=VALUES_A_SECOND / 1e6, unit="M values/s"),
        Target(name="flights, speed / DuckDB's", found=theirs / ours, low=OF_DUCKDB, unit="x"),
    ]


def wide(num_columns: int, repeats: int, seconds: dict[str, list[Timed]]) -> list[Target]:
    """Many columns of numbers that hardly repeat."""
    pa.set_cpu_count(1)
    values = np.random.default_rng(7).normal(size=(num_columns, WIDE_ROWS)).astype(np.float32)
    rows = pa.table({f"x{n}": column for n, column in enumerate(values)})
    asked = Asked(columns=tuple(rows.column_names))
    found = [timed(lambda: window_profile("all", table_profile(rows, asked))) for _ in range(repeats + 1)][1:]
    seconds[f"{num_columns:,} columns of numbers"] = found
    speed = values.size / (median(found) or 1.0) / 1e6
    return [Target(name="numbers that hardly repeat", found=speed, low=VALUES_A_SECOND / 1e6, unit="M values/s")]


def generated(num_rows: Sequence[int], place: Path, peaks: dict[int, float]) -> list[Target]:
    """Memory and errors on generated rows."""
    found = list[tuple[float, float]]()
    for number in num_rows:
        path = place / f"{number}.parquet"
        write_numbers(path, number)
        peaks[number] = peak_mb(path)
        if number <= MOST_EXACT:
            found.append(errors(path))
        path.unlink()
    growth = max(peaks.values()) / min(peaks.values())
    rank, distinct = (max((100 * one[at] for one in found), default=None) for at in (0, 1))
    return [
        Target(name="peak memory, most / fewest rows", found=growth, high=GROWTH, unit="x"),
        Target(name="error of a rank", found=rank, high=100 * RANK, unit="%"),
        Target(name="error of distinct", found=distinct, high=100 * DISTINCT, unit="%"),
    ]


def report(
    header: dict[str, str],
    limits: list[Target],
    seconds: dict[str, list[Timed]],
    peaks: dict[int, float],
    *,
    quick: bool,
) -> str:
    """The report as Markdown."""
    parts = ["# How fast is a raw profile, and what does the next month cost?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    parts += ["", "## Targets", "", table(("figure", "found", "target", ""), [limit.row() for limit in limits])]
    told = [(name, spread(timed, digits=3)) for name, timed in seconds.items()]
    parts += ["", "Median (min..max) within one process that has imported everything, one thread a file.", ""]
    parts += [table(("", "seconds"), told), ""]
    parts += [table(("rows", "peak of the process, MB"), [(f"{n:,}", f"{mb:,.0f}") for n, mb in peaks.items()])]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
