"""How long does a site of all models take: the first time, again, and after one more run?

    python benchmarks/site.py [--runs 1000] [--models 20] [--repeats 3] [--quick]

The runs are made of sample records, over two years, with a ledger that holds their promotions; no Ray. Each is a
process of its own, `raytemplate site DIR`, so what it imports is part of the time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import machine, table, versions, write_report

from raytemplate.store.workspace import Workspace
from raytemplate.testing.sample_runs import SampleRun, write_run

COMMAND = str(Path(sys.executable).with_name("raytemplate"))
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
TARGETS = {"first": 5.0, "nothing new": 1.5, "one more run": 1.5}
"""Seconds, median, for 1,000 runs on 2 cores."""


def make_runs(workspace: Workspace, num_runs: int, num_models: int) -> None:
    """Runs evenly over two years: of each model the first is promoted and then every third, every tenth is held."""
    for number in range(num_runs):
        write_run(workspace, sample_run(number, num_models, FIRST + (LAST - FIRST) * number / num_runs))


def sample_run(number: int, num_models: int, started: datetime) -> SampleRun:
    """One of them."""
    nth = number // num_models
    return SampleRun(
        run_id=f"run{number:05}",
        name=f"model-{number % num_models:02}",
        as_of=started.replace(hour=0, minute=0, second=0, microsecond=0),
        started=started,
        outcome="waiting" if nth % 10 == 9 else "promoted" if nth % 3 == 0 else "",
        value=7.0 + (number * 7919 % 100) / 50,
        wall_clock_s=8.0 + number % 30,
        cost_usd=0.02 + number % 7 / 100,
        planned_usd=0.05,
    )


def site(folder: Path, destination: Path) -> tuple[float, str]:
    """Seconds of the command, and the first line it prints."""
    began = time.perf_counter()
    command = [COMMAND, "site", str(destination), "--workspace", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, ended.stdout.splitlines()[0]


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="default: results/site_2cores_YYYYMM.md")
    parser.add_argument("--quick", action="store_true", help="30 runs, once, no report: does it run at all?")
    asked = parser.parse_args()
    began, header = datetime.now(UTC), machine()
    num_runs, repeats = (30, 1) if asked.quick else (asked.runs, asked.repeats)
    took: dict[str, list[float]] = {name: [] for name in TARGETS}
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = Workspace(folder / "project")
        workspace.folder.mkdir()
        make_runs(workspace, num_runs, asked.models)
        site(workspace.folder, folder / "warm")  # byte code and the page cache are as on a machine in use
        for repeat in range(repeats):
            for case in TARGETS:
                if case == "one more run":
                    started = LAST + timedelta(hours=repeat + 1)
                    write_run(workspace, sample_run(num_runs + repeat, asked.models, started))
                seconds, said[case] = site(workspace.folder, folder / f"site{repeat}")
                took[case].append(seconds)
        size = sum(path.stat().st_size for path in (folder / "site0").rglob("*") if path.is_file())
    rows = [
        (
            case,
            f"{statistics.median(s):.2f} ({min(s):.2f} to {max(s):.2f})",
            f"{TARGETS[case]:g}",
            _met(case, s),
            said[case],
        )
        for case, s in took.items()
    ]
    text = "\n".join([
        "# How long does a site take?", "",
        f"- date: {began:%Y-%m-%d %H:%M} UTC",
        *(f"- {key}: {value}" for key, value in header.items()),
        f"- command: site.py --runs {num_runs} --models {asked.models} --repeats {repeats}",
        f"- versions: {', '.join(f'{key} {value}' for key, value in versions().items())}",
        f"- site: {size / 1e6:.0f} MB, each process from its start to its end, median of {repeats} (lowest to highest)",
        "",
        table(("`raytemplate site`", "s", "target", "", "it printed, the last time"), rows), "",
        "`first` writes every page; `nothing new` writes the index, which says when it was brought up to date;",
        "`one more run` comes after a run of one model, whose page, model and index are written.", "",
    ])  # fmt: skip
    default = HERE / "results" / f"site_{header['cores']}cores_{began:%Y%m}.md"
    write_report(text, None if asked.quick else asked.output or default)


def _met(case: str, seconds: list[float]) -> str:
    return "met" if statistics.median(seconds) <= TARGETS[case] else "missed"


if __name__ == "__main__":
    main()
