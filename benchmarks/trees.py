"""What raytemplate adds to gradient boosted trees, compared with the same library called by hand on the same arrays.

    python benchmarks/trees.py DIR [--repeats 3] [--rounds 200] [--rows 1000000] [--quick]

DIR was made by `raytemplate init DIR --example flights`. Two tables, flights as they are and flights repeated to a
million rows; two libraries; one thread. The arrays for the library called by hand are those that raytemplate
trained on: encoded with the features of its own model, a missing number as missing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
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
    interleave,
    machine,
    median,
    ratio,
    run_process,
    spread,
    table,
    versions,
    write_report,
)

from raytemplate.data.features.encoding import FittedFeatures, encode
from raytemplate.data.features.gaps import seen
from raytemplate.records import codec

LIBRARIES = ("lightgbm", "xgboost")
WINDOWS = ("train", "test")
AT_MOST = 1.5
SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One table and one library. `folder` has the template and data/flights, `arrays` the library's own input."""

    name: str
    library: str
    folder: Path
    arrays: Path
    as_of: str
    rounds: int
    lr: float = 0.1


def repeat_flights(source: Path, folder: Path, num_rows: int) -> None:
    """Rows drawn from flights with a seed, with changed flight number, minutes and temperature."""
    random = np.random.default_rng(SEED)
    target = folder / "data" / "flights"
    target.mkdir(parents=True)
    shutil.copyfile(source / TEMPLATE, folder / TEMPLATE)
    files = sorted((source / "data" / "flights").glob("*.parquet"))
    times = num_rows / sum(pq.read_metadata(path).num_rows for path in files)
    for path in files:
        rows = pq.read_table(path)
        order = np.sort(random.integers(0, rows.num_rows, round(rows.num_rows * times)))
        repeated = rows.take(order)
        for column, width in (("air_time", 2.0), ("temp", 1.0)):
            moved = pc.add(repeated[column].cast(pa.float64()), pa.array(random.uniform(-width, width, len(order))))
            repeated = repeated.set_column(repeated.column_names.index(column), column, moved)
        number = pc.add(repeated["flight"].cast(pa.int64()), pa.array(np.arange(len(order)) * 10_000))
        repeated = repeated.set_column(repeated.column_names.index("flight"), "flight", number)
        pq.write_table(repeated, target / path.name, write_page_checksum=True)


def run_ours(job: Job, keep: Path | None = None) -> Timed:
    """`raytemplate run` in a new workspace; with `keep`, the arrays that it trained on are kept in that folder."""
    workspace = Path(tempfile.mkdtemp(prefix="trees-"))
    sets = {
        "model.kind": job.library, "model.num_trees": job.rounds, "training.lr": job.lr, "training.loss": "mae",
        "training.seed": SEED, "resources.workers": 0,
    }  # fmt: skip
    program = Path(sys.executable).parent / "raytemplate"
    command = [program, "run", job.folder / TEMPLATE, "--as-of", job.as_of, "--workspace", workspace]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    try:
        timed, _ = run_process(command, expect=(0, EXIT_REJECTED))
        (run,) = (path for path in (workspace / ".raytemplate" / "runs").iterdir() if path.is_dir())
        if keep is not None:
            write_arrays(job, run, keep)
        return replace(timed, facts=facts_of(run))
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def facts_of(run: Path) -> dict[str, float]:
    """Seconds of the fit, of its rounds alone and of every stage; and the error on the test window."""
    fit, end = (json.loads((run / name).read_text()) for name in ("fit.json", "end.json"))
    evaluation = json.loads(next(run.glob("evaluat*.json")).read_text())
    facts = {f"stage {timing['stage']}": timing["actual_s"] for timing in end["timings"]}
    facts["fit_s"] = fit["usage"]["wall_clock_s"]
    facts["rounds_s"] = sum(epoch["loop_s"] for epoch in fit["epochs"])
    facts["test_mae"] = evaluation["candidate"]["metrics"]["mae"]["estimate"]["value"]
    return facts


def write_arrays(job: Job, run: Path, folder: Path) -> None:
    """The rows of the plan's windows, encoded with the model's own features."""
    features = codec.loads(FittedFeatures, (run / "model" / "features.json").read_bytes(), where="features.json")
    plan = json.loads((run / "run.lock").read_text())["plan"]
    rows = pq.read_table(job.folder / "data" / "flights")
    rows = rows.filter(pc.is_valid(rows["air_time"]))
    folder.mkdir(parents=True)
    for window in plan["ingest"]["windows"]:
        if window["name"] not in WINDOWS:
            continue
        time = rows["time_hour"]
        start, end = (pa.scalar(datetime.fromisoformat(window[side]), time.type) for side in ("start", "end"))
        inside = pc.and_(pc.greater_equal(time, start), pc.less(time, end))
        encoded = encode(rows.filter(inside), features, with_target=True)
        dense = seen(encoded.dense, encoded.missing, features.gaps, as_nan=True)
        for part, values in (("dense", dense), ("codes", encoded.codes), ("target", encoded.target)):
            np.save(folder / f"{window['name']}_{part}.npy", values)


def run_by_hand(job: Job) -> Timed:
    """The library alone; the last line of stdout is JSON."""
    command = [sys.executable, HERE / "trees_by_hand.py", job.arrays, job.library, "--rounds", str(job.rounds),
               "--lr", str(job.lr)]  # fmt: skip
    timed, stdout = run_process(command)
    said = json.loads(stdout.strip().splitlines()[-1])
    return replace(timed, facts={name: float(said[name]) for name in ("fit_s", "test_mae", "num_rows")})


def measure(job: Job, repeats: int) -> dict[str, list[Timed]]:
    """Both in turn; our first run is the warm-up and leaves the arrays."""
    print(f"{job.name}, {job.library}", file=sys.stderr)
    run_ours(job, keep=job.arrays)
    doors = {"by hand": lambda: run_by_hand(job), "raytemplate": lambda: run_ours(job)}
    return interleave(doors, dict.fromkeys(doors, repeats), warm_up=False)


def targets(found: dict[Job, dict[str, list[Timed]]]) -> list[Target]:
    """Targets for the time inside the fit: from arrays in memory to trained trees."""
    return [
        Target(
            name=f"{job.library}, {job.name}: fit, raytemplate / by hand",
            found=ratio(median(timed["raytemplate"], "fit_s"), median(timed["by hand"], "fit_s")),
            high=AT_MOST,
        )
        for job, timed in found.items()
    ]


def report(found: dict[Job, dict[str, list[Timed]]], header: dict[str, str], *, quick: bool) -> str:
    parts = ["# What does raytemplate cost around gradient boosted trees?", ""]
    if quick:
        parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""]
    parts += [f"- {name}: {value}" for name, value in header.items()]
    parts += ["", "Median (min..max). Ratios are of medians. One thread each.", "", "## Targets", ""]
    parts += [table(("figure", "found", "target", ""), [target.row() for target in targets(found)])]
    for job, timed in found.items():
        num_rows = timed["by hand"][0].facts["num_rows"]
        parts += ["", f"## {job.library}, {job.name}: {num_rows:,.0f} rows of training, {job.rounds} rounds", ""]
        head = ("", "fit, s", "rounds alone, s", "whole process, s", "test mae, min", "peak, MB")
        parts += [table(head, [_row(name, one) for name, one in timed.items()])]
        ours = timed["raytemplate"]
        stages = [name for name in ours[0].facts if name.startswith("stage ")]
        rows = [(name, spread(ours, name, digits=2)) for name in stages]
        parts += ["", table(("raytemplate's stages", "s"), rows)]
    parts += ["", *NOTES]
    return "\n".join(parts) + "\n"


NOTES = (
    "- **fit**: from arrays in memory to trained trees. raytemplate's has the validation error and checkpoints every",
    "  twentieth of the rounds; by hand there is neither.",
    "- **whole process**: raytemplate reads, checks and encodes Parquet, evaluates with intervals, judges, packs and",
    "  registers; by hand the arrays are ready, and after the fit the test error is printed.",
    "- **test mae**: raytemplate keeps the round with the best validation error, by hand it is the last one.",
)


def _row(name: str, timed: list[Timed]) -> tuple[str, ...]:
    peak = max(one.peak_rss_mb for one in timed)
    return (
        name,
        spread(timed, "fit_s", digits=2),
        spread(timed, "rounds_s", digits=2),
        spread(timed),
        spread(timed, "test_mae", digits=3),
        f"{peak:,.0f}",
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"holds {TEMPLATE} and data/flights/*.parquet")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large table")
    parser.add_argument("--only", choices=LIBRARIES, help="one library; default: both")
    parser.add_argument("--quick", action="store_true", help="10 rounds, 1 repeat, a small table: does it run at all?")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def jobs(options: argparse.Namespace, place: Path) -> list[Job]:
    """Both tables with each library."""
    large = place / "large"
    repeat_flights(options.folder, large, options.rows)
    tables = {"flights": (options.folder.resolve(), "2013-06-01"), f"{options.rows:,} rows": (large, "latest")}
    chosen = (options.only,) if options.only else LIBRARIES
    return [
        Job(
            name=name,
            library=library,
            folder=folder,
            as_of=as_of,
            rounds=options.rounds,
            arrays=place / f"arrays-{folder.name}-{library}",
        )
        for name, (folder, as_of) in tables.items()
        for library in chosen
    ]


def main() -> int:
    options, began = parse(), datetime.now(UTC)
    asked = f"--repeats {options.repeats} --rounds {options.rounds} --rows {options.rows}"
    command = f"python benchmarks/trees.py DIR {asked}"
    if options.quick:
        options.repeats, options.rounds, options.rows = 1, 10, 60_000
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": command}
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    try:
        if not list((options.folder / "data" / "flights").glob("*.parquet")):
            raise BenchmarkError("no data/flights/*.parquet in DIR: `raytemplate init DIR --example flights` first.")
        with tempfile.TemporaryDirectory(prefix="trees-") as place:
            found = {job: measure(job, options.repeats) for job in jobs(options, Path(place))}
    except BenchmarkError as error:
        print(f"trees: {error}", file=sys.stderr)
        return 1
    text = report(found, header, quick=options.quick)
    write_report(text, None if options.quick else options.results / f"trees_{header['cores']}cores_{began:%Y%m}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
