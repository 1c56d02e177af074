"""How long `raytemplate init --data` takes for a large CSV, compared with reading and describing it with pandas.

    python benchmarks/init_data.py [--megabytes 100 500] [--repeats 3] [--quick]

The files are generated from a seed: an id, a time, three numbers with gaps, four categories and the target.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import (
    BenchmarkError,
    Target,
    Timed,
    interleave,
    machine,
    median,
    run_process,
    spread,
    table,
    versions,
    write_report,
)

SEED = 7
WITHIN_S = {100: 5.0}
"""Megabytes of a file -> seconds that it may take."""

BY_HAND = "import sys, pandas; print(pandas.read_csv(sys.argv[1]).describe(include='all').to_string())"
_ROWS_AT_ONCE = 20_000


def write_csv(path: Path, megabytes: int) -> int:
    """Write a file of about this many megabytes; returns its number of rows."""
    random = np.random.default_rng(SEED)
    num_rows = 0
    with path.open("wb") as sink:
        while sink.tell() < megabytes * 1_000_000:
            chunk = _rows(random, num_rows)
            pa_csv.write_csv(chunk, sink, pa_csv.WriteOptions(include_header=num_rows == 0))
            num_rows += len(chunk)
    return num_rows


def _rows(random: np.random.Generator, first: int) -> pa.Table:
    num = _ROWS_AT_ONCE
    x = random.normal(100, 20, (num, 3)).round(3)
    x[random.random(x.shape) < 0.02] = np.nan
    columns = {
        "customer": pa.array(np.arange(first, first + num)),
        "seen": pa.array(np.datetime64("2024-01-01T00:00:00") + np.arange(first, first + num) // 20),
        **{f"amount_{i}": pa.array(x[:, i], from_pandas=True) for i in range(3)},
        **{f"kind_{i}": pa.array([f"k{n}" for n in random.integers(0, 4**(i + 1), num)]) for i in range(4)},
        "spend": pa.array((np.nan_to_num(x[:, 0], nan=100.0) + random.normal(0, 5, num)).round(2)),
    }  # fmt: skip
    return pa.table(columns)


def measure(csv: Path, repeats: int) -> dict[str, list[Timed]]:
    """Both competitors in turn, each in a process of its own."""
    drafts = csv.parent / "drafts"

    def ours() -> Timed:
        shutil.rmtree(drafts, ignore_errors=True)
        raytemplate = Path(sys.executable).parent / "raytemplate"
        return run_process([raytemplate, "init", drafts, "--data", csv, "--target", "spend", "--time", "seen"])[0]

    def by_hand() -> Timed:
        return run_process([sys.executable, "-c", BY_HAND, csv])[0]

    doors = {"raytemplate init": ours, "pandas": by_hand}
    return interleave(doors, dict.fromkeys(doors, repeats), warm_up=False)


def report(found: dict[int, tuple[int, dict[str, list[Timed]]]], header: dict[str, str], *, quick: bool) -> str:
    """The report as Markdown."""
    parts = ["# How long does a first template for a large CSV take?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    limits = [
        Target(name=f"init of {size} MB", found=median(timed["raytemplate init"]), high=WITHIN_S[size], unit="s")
        for size, (_, timed) in found.items()
        if size in WITHIN_S
    ]
    if limits:
        parts += ["", "## Targets", "", table(("figure", "found", "target", ""), [limit.row() for limit in limits])]
    rows = [
        (f"{size} MB, {num_rows:,} rows", name, spread(timed), f"{max(one.peak_rss_mb for one in timed):,.0f}")
        for size, (num_rows, both) in found.items()
        for name, timed in both.items()
    ]
    parts += ["", "Median (min..max) of whole processes.", "", table(("file", "", "seconds", "peak, MB"), rows), ""]
    parts += ["pandas reads and describes; `init` also finds formats, types, missing markers, ranges and a split,"]
    return "\n".join([*parts, "and writes the template."]) + "\n"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--quick", action="store_true", help="one small file, once: does it run at all?")
    return parser.parse_args()


def main() -> int:
    """Measure, then print and write the report."""
    options, began = parse(), datetime.now(UTC)
    asked = f"--megabytes {' '.join(map(str, options.megabytes))} --repeats {options.repeats}"
    if options.quick:
        options.megabytes, options.repeats = [2], 1
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": f"python benchmarks/init_data.py {asked}"}
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    found: dict[int, tuple[int, dict[str, list[Timed]]]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="init-data-") as place:
            for size in options.megabytes:
                csv = Path(place) / f"{size}.csv"
                found[size] = write_csv(csv, size), measure(csv, options.repeats)
                csv.unlink()
    except BenchmarkError as error:
        print(f"init_data: {error}", file=sys.stderr)
        return 1
    text = report(found, header, quick=options.quick)
    write_report(text, None if options.quick else options.results / f"init_data_{header['cores']}cores_{began:%Y%m}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
