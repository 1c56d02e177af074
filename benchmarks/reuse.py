"""What does it save that rows are encoded once, and that the footers of many files are read once?

    raytemplate init DIR --example flights
    python benchmarks/reuse.py DIR [--repeats 3] [--copies 10] [--files 10000] [--only plans] [--quick]

The same job, of one epoch since training is never reused, runs three ways in turn: without reuse, as the first
of its workspace (which keeps what it has encoded), and again. Then `plan` of many small files runs three times.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from forecast import Case, write_files, write_template
from one_machine import machine, table, versions, write_report

COMMAND = str(Path(sys.executable).with_name("raytemplate"))
FILE, AS_OF = "flights-air-time.yaml", "2013-07-01"
WAYS = ("--no-reuse", "first", "reused")
USER = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment of commands: with cached byte code as on a user's machine."""
_SETTLED_S = 3.0
"""Seconds after which files count as settled, so that what is made from them may be kept."""


def run(folder: Path, *options: str) -> tuple[float, float]:
    """Seconds of a whole `raytemplate run`, and of its ingest."""
    began = time.monotonic()
    done = subprocess.run(
        [COMMAND, "run", FILE, "--as-of", AS_OF, "--set", "training.epochs=1", *options],
        cwd=folder,
        env=USER,
        capture_output=True,
        text=True,
        timeout=600,
    )
    whole = time.monotonic() - began
    end = max((folder / ".raytemplate/runs").glob("*/end.json"), key=lambda path: path.stat().st_mtime, default=None)
    if done.returncode not in (0, 5) or end is None:
        raise SystemExit(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return whole, next(one["actual_s"] for one in json.loads(end.read_text())["timings"] if one["stage"] == "ingest")


def flights(demo: Path, folder: Path, copies: int) -> None:
    """The example in a new folder, with every row as often as asked for."""
    (folder / "data/flights").mkdir(parents=True)
    shutil.copyfile(demo / FILE, folder / FILE)
    for path in sorted((demo / "data/flights").glob("*.parquet")):
        rows = pa.concat_tables([pq.read_table(path)] * copies)
        pq.write_table(rows.sort_by("time_hour"), folder / "data/flights" / path.name, write_page_checksum=True)


def runs(demo: Path, folder: Path, copies: int, repeats: int) -> list[tuple[str, ...]]:
    """A row of the report for each way."""
    flights(demo, folder, copies)
    time.sleep(_SETTLED_S)
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        shutil.rmtree(folder / ".raytemplate", ignore_errors=True)
        for way in WAYS:
            found[way].append(run(folder, *(["--no-reuse"] if way == "--no-reuse" else [])))
    held = sum(path.stat().st_size for path in folder.glob(".raytemplate/encoded/*/*")) / 1e6
    rows = sum(pq.read_metadata(path).num_rows for path in (folder / "data/flights").glob("*.parquet"))
    size = {"first": f"{held:,.0f} MB kept"}
    return [
        (f"{rows:,} rows", way, spread([w for w, _ in of]), spread([i for _, i in of]), size.get(way, ""))
        for way, of in found.items()
    ]


def spread(seconds: list[float]) -> str:
    """Median, least and greatest."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}..{max(seconds):.2f})"


def plans(folder: Path, num_files: int) -> list[tuple[str, str, str]]:
    """A row of the report for each of three calls of `plan`."""
    command = [COMMAND, "plan", "m.yaml", "--as-of", "latest"]
    for files, place in ((1, folder / "one"), (num_files, folder / "many")):
        case = Case(name="", files=files, rows=2 * num_files)
        place.mkdir()
        write_files(case, place / "data")
        write_template(case, place)
    subprocess.run(command, cwd=folder / "one", env=USER, check=True, capture_output=True)  # writes the byte code
    time.sleep(_SETTLED_S)
    taken: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run(command, cwd=folder / "many", env=USER, check=True, capture_output=True)
        taken.append(time.monotonic() - began)
    names = ("first", "second", "third")
    return [(f"{num_files:,}", n, f"{s:.2f} s, {s / taken[0]:.2f}x") for n, s in zip(names, taken, strict=True)]


def main() -> int:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--only", choices=("runs", "plans"), help="only one of the two; writes no report")
    parser.add_argument("--quick", action="store_true", help="does it run at all? writes no report")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.copies, options.files = 1, 1, 200
    facts = machine() | versions()
    with tempfile.TemporaryDirectory(prefix="reuse-") as kept:
        copies = sorted({1, options.copies}) if options.only != "plans" else []
        lines = [runs(options.demo, Path(kept) / f"x{n}", n, options.repeats) for n in copies]
        (Path(kept) / "many").mkdir()
        planned = plans(Path(kept) / "many", options.files) if options.only != "runs" else []
    now = datetime.now(UTC)
    text = "\n".join(
        [
            "# Rows that are encoded once, footers that are read once",
            "",
            f"{now:%Y-%m-%d %H:%M} UTC, `python benchmarks/reuse.py DIR --repeats {options.repeats}`",
            "",
            *(f"- {name}: {value}" for name, value in facts.items()),
            "",
            table(("rows", "run", "whole process", "ingest", ""), [row for rows in lines for row in rows]),
            "",
            table(("files", "plan", "whole process, of the first"), planned),
            "",
        ]
    )
    path = HERE / "results" / f"reuse_{facts['cores']}cores_{now:%Y%m}.md"
    write_report(text, None if options.quick or options.only else path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
