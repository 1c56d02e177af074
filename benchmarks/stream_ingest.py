"""How fast streaming is, and how much memory it takes, for rows that do not fit in memory: raytemplate and by hand.

    python benchmarks/stream_ingest.py DIR [--rows 20000000] [--quick]

DIR was made by `raytemplate init DIR --example flights`. Its files are repeated to give that many rows, and a quarter
of them; each competitor trains one epoch on both, in the same call. Memory is the sum over all its processes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import (
    EXIT_REJECTED,
    TEMPLATE,
    BenchmarkError,
    Target,
    Timed,
    machine,
    ratio,
    run_process,
    table,
    versions,
    write_report,
)

OURS, BY_HAND = "raytemplate", "by hand"
AT_LEAST, AT_MOST = 1.0, 1.2
SAMPLE_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Write files with this many rows; returns them and the day after their newest row."""

    folder: Path
    num_rows: int
    as_of: str


def repeat_files(source: Path, folder: Path, copies: int) -> Job:
    """Write the template, and as many copies of each file as needed."""
    target = folder / "data" / "flights"
    target.mkdir(parents=True)
    shutil.copyfile(source / TEMPLATE, folder / TEMPLATE)
    files = sorted((source / "data" / "flights").glob("*.parquet"))
    for path in files:
        for copy in range(copies):
            shutil.copyfile(path, target / f"{path.stem}-{copy:03d}.parquet")
    newest = pc.max(pq.read_table(files[-1], columns=["time_hour"])["time_hour"]).as_py()
    num_rows = copies * sum(pq.read_metadata(path).num_rows for path in files)
    return Job(folder=folder, num_rows=num_rows, as_of=f"{newest + timedelta(days=1):%Y-%m-%d}")


def run_ours(job: Job) -> Timed:
    """`raytemplate run` in stream mode, in a new workspace."""
    workspace = Path(tempfile.mkdtemp(prefix="stream-"))
    sets = {"data.ingest": "stream", "training.epochs": 1, "training.seed": 7, "budget.time": "2h"}
    program = Path(sys.executable).parent / "raytemplate"
    command = [program, "run", job.folder / TEMPLATE, "--as-of", job.as_of, "--workspace", workspace]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    try:
        with memory_of_children() as peaks:
            timed, _ = run_process(command, expect=(0, EXIT_REJECTED))
        fit = json.loads(next((workspace / ".raytemplate" / "runs").glob("*/fit.json")).read_text())
        num_rows, loop_s = (sum(epoch[name] for epoch in fit["epochs"]) for name in ("num_rows", "loop_s"))
        return replace(timed, facts={"rows": num_rows, "rows_per_s": num_rows / loop_s, **peaks})
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def run_by_hand(job: Job) -> Timed:
    """Ray Data and Ray Train as Ray's documentation shows them, nothing materialized."""
    with tempfile.TemporaryDirectory(prefix="stream-") as out, memory_of_children() as peaks:
        command = [sys.executable, HERE / "ray_by_hand.py", job.folder, "--as-of", job.as_of, "--epochs", "1",
                   "--stream", "--out", out]  # fmt: skip
        timed, stdout = run_process(command)
    said = json.loads(stdout.strip().splitlines()[-1])
    return replace(timed, facts={"rows": said["num_rows"]["train"], "rows_per_s": said["rows_per_s"], **peaks})


@contextmanager
def memory_of_children() -> Iterator[dict[str, float]]:
    """Peak memory of all descendants of this process, as {"peak_mb"}, which is filled when the block ends."""
    peaks: dict[str, float] = {"peak_mb": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            peaks["peak_mb"] = max(peaks["peak_mb"], memory_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def memory_mb() -> float:
    """Private memory of the descendants of this process, plus the object store once, which all of them map."""
    private = shared = 0
    for pid in below(threading.main_thread().native_id or 0):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        found = {key: int(rest.split()[0]) for key, _, rest in (line.partition(":") for line in lines) if "Rss" in key}
        private += found.get("RssAnon", 0)
        shared = max(shared, found.get("RssShmem", 0))
    return (private + shared) / 1024


def below(pid: int) -> list[int]:
    """All descendants of a process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], children.get(pid, [])
    while waiting:
        found += waiting
        waiting = [child for one in waiting for child in children.get(one, [])]
    return found


def targets(found: dict[int, dict[str, Timed]]) -> list[Target]:
    """Rows a second at the larger size, and the growth of memory from the smaller one."""
    small, large = min(found), max(found)
    speed = {name: one.facts["rows_per_s"] for name, one in found[large].items()}
    peak = {size: timed[OURS].facts["peak_mb"] for size, timed in found.items()}
    grown = ratio(peak[large], peak[small]) if large > small else None
    return [
        Target(
            name="rows/s in the loop, raytemplate / by hand", found=ratio(speed[OURS], speed[BY_HAND]), low=AT_LEAST
        ),
        Target(name=f"peak memory, {large:,} / {small:,} rows", found=grown, high=AT_MOST),
    ]


def report(found: dict[int, dict[str, Timed]], header: dict[str, str], *, quick: bool) -> str:
    parts = ["# How fast and how large is streaming?", ""]
    if quick:
        parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""]
    parts += [f"- {name}: {value}" for name, value in header.items()]
    parts += ["", "One run each. Ratios are of single runs.", "", "## Targets", ""]
    parts += [table(("figure", "found", "target", ""), [target.row() for target in targets(found)])]
    for size, timed in found.items():
        head = ("", "rows of training", "rows/s in the loop", "whole process, s", "peak of all processes, MB")
        rows = [
            (
                name,
                f"{one.facts['rows']:,.0f}",
                f"{one.facts['rows_per_s']:,.0f}",
                f"{one.wall_clock_s:.1f}",
                f"{one.facts['peak_mb']:,.0f}",
            )
            for name, one in timed.items()
        ]
        parts += ["", f"## {size:,} rows", "", table(head, rows)]
    return "\n".join([*parts, "", *NOTES]) + "\n"


NOTES = (
    "- **rows/s in the loop**: rows of the epoch / seconds of its steps; reading, encoding and shuffling are inside",
    "  for both. Passes for statistics, validation, evaluation and registration are in the whole process only.",
    "- **peak of all processes**: private memory of every process of the run, and the object store's pages once,",
    "  sampled every half second. The page cache is not in it.",
)


def measure(options: argparse.Namespace, place: Path) -> dict[int, dict[str, Timed]]:
    """The smaller size first; each competitor once."""
    files = sorted((options.folder / "data" / "flights").glob("*.parquet"))
    if not files:
        raise BenchmarkError("no data/flights/*.parquet in DIR: `raytemplate init DIR --example flights` first.")
    copies = max(4, round(options.rows / sum(pq.read_metadata(path).num_rows for path in files)))
    found: dict[int, dict[str, Timed]] = {}
    for times in (1,) if options.quick else (copies // 4, copies):
        job = repeat_files(options.folder.resolve(), place / str(times), times)
        print(f"{job.num_rows:,} rows", file=sys.stderr)
        found[job.num_rows] = {OURS: run_ours(job), BY_HAND: run_by_hand(job)}
        shutil.rmtree(job.folder)
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"holds {TEMPLATE} and data/flights/*.parquet")
    parser.add_argument("--rows", type=int, default=20_000_000, help="of the larger table")
    parser.add_argument("--quick", action="store_true", help="the files as they are: does it run at all?")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def main() -> int:
    options, began = parse(), datetime.now(UTC)
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine()}
    header["command"] = f"python benchmarks/stream_ingest.py DIR --rows {options.rows}"
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    try:
        with tempfile.TemporaryDirectory(prefix="stream-") as place:
            found = measure(options, Path(place))
    except BenchmarkError as error:
        print(f"stream_ingest: {error}", file=sys.stderr)
        return 1
    text = report(found, header, quick=options.quick)
    write_report(
        text, None if options.quick else options.results / f"stream_ingest_{header['cores']}cores_{began:%Y%m}.md"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
