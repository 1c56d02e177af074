"""How long does a site of all models take: the first time, again, and after one more run?

    python benchmarks/site.py [--runs 1000] [--models 20] [--repeats 3] [--quick]

The runs are made of sample records, over two years, with a ledger that holds their promotions; no Ray. Each is a
process of its own, `raytemplate site DIR`, so what it imports is part of the time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import machine, table, versions, write_report

from raytemplate.store.workspace import Workspace
from raytemplate.testing.sample_runs import SampleRun, write_runs

COMMAND = str(Path(sys.executable).with_name("raytemplate"))
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
TARGETS = {"first": 5.0, "nothing new": 1.5, "one more run": 1.5}
"""Seconds, median, for 1,000 runs on 2 cores."""


def make_runs(workspace: Workspace, num_runs: int, num_models: int) -> None:
    """Runs evenly over two years: of each model the first is promoted and then every third, every tenth is held."""
    numbers = range(num_runs)
    write_runs(workspace, (sample_run(n, num_models, FIRST + (LAST - FIRST) * n / num_runs) for n in numbers))


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """What one command took. Of a machine that does other things as well, only `cpu_s` says much."""

    wall_s: float
    cpu_s: float
    """Of all its processes."""
    said: str
    """The first line it printed."""


def site(folder: Path, destination: Path) -> Took:
    """Run the command."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [COMMAND, "site", str(destination), "--workspace", str(folder)]
    # pip compiles what it installs; a checkout that may not keep byte code would be compiled anew by each process.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall_s=wall_s, cpu_s=cpu_s, said=ended.stdout.splitlines()[0])


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
    took: dict[str, list[Took]] = {name: [] for name in TARGETS}
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
                    write_runs(workspace, [sample_run(num_runs + repeat, asked.models, started)])
                took[case].append(site(workspace.folder, folder / f"site{repeat}"))
        size = sum(path.stat().st_size for path in (folder / "site0").rglob("*") if path.is_file())
    rows = [
        (case, _middle([one.wall_s for one in each]), f"{TARGETS[case]:g}", _met(case, each),
         _middle([one.cpu_s for one in each]), each[-1].said)
        for case, each in took.items()
    ]  # fmt: skip
    text = "\n".join([
        "# How long does a site take?", "",
        f"- date: {began:%Y-%m-%d %H:%M} UTC",
        *(f"- {key}: {value}" for key, value in header.items()),
        f"- command: site.py --runs {num_runs} --models {asked.models} --repeats {repeats}",
        f"- versions: {', '.join(f'{key} {value}' for key, value in versions().items())}",
        f"- site: {size / 1e6:.0f} MB, each process from its start to its end, median of {repeats} (lowest to highest)",
        "",
        table(("`raytemplate site`", "s", "target", "", "CPU s", "it printed, the last time"), rows), "",
        "`first` writes every page; `nothing new` writes the index, which says when it was brought up to date;",
        "`one more run` comes after a run of one model, whose page, model and index are written.", "",
    ])  # fmt: skip
    default = HERE / "results" / f"site_{header['cores']}cores_{began:%Y%m}.md"
    write_report(text, None if asked.quick else asked.output or default)


def _middle(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def _met(case: str, each: list[Took]) -> str:
    return "met" if statistics.median(one.wall_s for one in each) <= TARGETS[case] else "missed"


if __name__ == "__main__":
    main()
