"""How close a plan's forecast is to the time that a run takes, if no earlier run has corrected it.

    python benchmarks/forecast.py [--only classes files columns rows sweep] [--repeats 2] [--quick]

Each case is a generated table and a template of LightGBM trees, in a workspace of its own. Since a busy machine slows
every case alike, each is also compared with the plainest case, which runs before and after each group of cases.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import machine, table, versions, write_report

SEED = 7
COMMAND = str(Path(sys.executable).with_name("raytemplate"))
_TIMEOUT_S = 900
STAGES = ("ingest", "sweep", "fit", "evaluate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One table and its template. `classes` 1 is a number to predict; `trials` 0 is no sweep."""

    name: str
    rows: int = 20_000
    files: int = 1
    columns: int = 10
    classes: int = 1
    rounds: int = 200
    trials: int = 0


PLAIN = Case(name="plain: 20,000 rows, 1 file, 10 columns, a number")
CASES = {
    "classes": tuple(Case(name=f"{k} classes", classes=k) for k in (2, 3, 7, 20)),
    "files": tuple(Case(name=f"{n:,} files", files=n) for n in (100, 1_000, 10_000)),
    "columns": (
        Case(name="200 columns", columns=200, rounds=100),
        Case(name="2,000 columns", columns=2_000, rounds=30, rows=8_000),
    ),
    "rows": (Case(name="200,000 rows", rows=200_000), Case(name="2,000 rows", rows=2_000)),
    "sweep": (
        Case(name="sweep of 8 trials", trials=8),
        Case(name="sweep of 8 trials, 7 classes", trials=8, classes=7),
    ),
}  # fmt: skip


def write_files(case: Case, folder: Path) -> None:
    """Hourly rows in order of time, spread evenly over the files."""
    random = np.random.default_rng(SEED)
    x = random.normal(size=(case.rows, case.columns)).astype(np.float32)
    score = 2 * x[:, 0] - np.abs(x[:, 1]) + random.normal(size=case.rows) * 0.5
    y: Any = score
    if case.classes > 1:
        cuts = np.quantile(score, np.arange(1, case.classes) / case.classes)
        y = np.array([f"c{k:02}" for k in range(case.classes)])[np.searchsorted(cuts, score)]
    step = max(1, 365 * 86_400 // case.rows)
    times = np.datetime64("2024-01-01") + (np.arange(case.rows) * step).astype("timedelta64[s]")
    columns = {"t": times.astype("datetime64[us]"), **{f"x{n}": x[:, n] for n in range(case.columns)}, "y": y}
    whole = pa.table(columns)
    bounds = np.linspace(0, case.rows, case.files + 1).astype(int)
    folder.mkdir()
    for number, (start, stop) in enumerate(pairwise(bounds)):
        pq.write_table(whole.slice(start, stop - start), folder / f"{number:05}.parquet", write_page_checksum=True)


def write_template(case: Case, folder: Path) -> None:
    """A template as a user would write it, but without early stopping, because the forecast is for all rounds."""
    task = "regression" if case.classes == 1 else "binary" if case.classes == 2 else "multiclass"
    metric = "rmse" if task == "regression" else "log-loss"
    lines = [
        "name: m", "data:", "  source: data/*.parquet", "  time: t", "  target: y", f"  task: {task}",
        *(["  positive: c01"] if task == "binary" else []),
        "  windows: {train: all, validation: 36d, test: 54d, label_delay: 0d}",
        f"features: {{numeric: [{', '.join(f'x{n}' for n in range(case.columns))}]}}",
        f"model: {{kind: lightgbm, num_trees: {case.rounds}}}", "training: {lr: 0.05, seed: 7}",
        f"budget: {{time: 30m{f', trials: {case.trials}' if case.trials else ''}}}",
        f"evaluation: {{metric: {metric}, baseline: {{mean_by: []}}}}", "governance: {promotion: manual, gates: {}}",
    ]  # fmt: skip
    if case.trials:
        lines += ["tuning:", "  space: {model.num_trees: 'int(50, 150)', training.lr: 'loguniform(0.02, 0.2)'}"]
    (folder / "m.yaml").write_text("\n".join(lines) + "\n")


def run(case: Case, folder: Path) -> dict[str, tuple[float, float]]:
    """Stage -> (planned, actual) seconds of one run, and of the "whole"."""
    for old in (folder / ".raytemplate", folder / "data"):
        shutil.rmtree(old, ignore_errors=True)
    write_files(case, folder / "data")
    write_template(case, folder)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [COMMAND, "run", "m.yaml", "--as-of", "latest"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    ends = list((folder / ".raytemplate" / "runs").glob("*/end.json"))
    if not ends or not json.loads(ends[0].read_text())["timings"]:
        raise SystemExit(f"{case.name}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    timings = json.loads(ends[0].read_text())["timings"]
    found = {one["stage"]: (one["planned_s"], one["actual_s"]) for one in timings}
    return found | {"whole": (sum(p for p, _ in found.values()), sum(a for _, a in found.values()))}


def rows_of(group: str, cases: tuple[Case, ...], repeats: int, folder: Path) -> list[tuple[str, ...]]:
    """One row of the report for each case, compared with the plain one, which runs before and after the group."""
    first = run(PLAIN, folder)
    runs = [[run(case, folder) for _ in range(repeats)] for case in cases]
    busy = statistics.mean(plain["whole"][1] / plain["whole"][0] for plain in (first, run(PLAIN, folder)))
    rows: list[tuple[str, ...]] = []
    for case, found in zip(cases, runs, strict=True):
        cells = [group, case.name]
        for stage in ("whole", *STAGES):
            if stage not in found[0]:
                cells.append("")
                continue
            actual = statistics.median(each[stage][1] for each in found)
            cells.append(f"{found[0][stage][0]:.1f} / {actual:.1f}")
        whole = statistics.median(each["whole"][1] / each["whole"][0] for each in found)
        cells += [f"{whole:.2f}", f"{busy:.2f}", f"{whole / busy:.2f}"]
        rows.append(tuple(cells))
        print(*cells, sep=" | ", flush=True)
    return rows


def report(facts: dict[str, Any], rows: list[tuple[str, ...]]) -> str:
    """The report as Markdown."""
    head = ("what", "case", "whole", *STAGES, "taken / planned", "plain", "beside plain")
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    return "\n".join(
        [
            "# How near does the forecast come?",
            "",
            f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            *lines,
            "",
            f"Seconds planned / taken. Plain is {PLAIN.name}; it runs around each group, and its own taken / planned",
            "says how busy the machine was: the last column is the case's without that. Target: 0.5 to 2.",
            "",
            table(head, rows),
            "",
        ]
    )


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="does it run at all?")
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    found: list[tuple[str, ...]] = []
    facts = {**machine(), "command": " ".join(["python benchmarks/forecast.py", *sys.argv[1:]])}
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in versions().items())
    with tempfile.TemporaryDirectory() as scratch:
        for group in asked.only:
            cases = CASES[group][:1] if asked.quick else CASES[group]
            found += rows_of(group, cases, 1 if asked.quick else asked.repeats, Path(scratch))
    write_report(report(facts, found), asked.out)


if __name__ == "__main__":
    main()
