"""What raytemplate costs on one machine compared with hand-written code; all competitors in one call, interleaved.

    python benchmarks/one_machine.py DIR [--repeats 3] [--repeats-by-hand 3] [--quick]

DIR was made by `raytemplate init DIR --example flights`: flights-air-time.yaml and data/flights/*.parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE = "flights-air-time.yaml"
MODEL = "flights-air-time@champion"
EXIT_REJECTED = 5
TIMEOUT_S = 1800
LOAD_CHAMPION = f"""
import sys, mlflow, pyarrow.parquet as pq
rows = pq.read_table(sys.argv[1]).slice(0, 100).to_pandas()
print(len(mlflow.pyfunc.load_model("models:/{MODEL}").predict(rows)))
"""


class BenchmarkError(Exception):
    """Says in one sentence why there is no result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """One process from start to end. `facts` are the figures that it printed about itself."""

    wall_clock_s: float
    peak_rss_mb: float
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A figure and its limit: at most `high` or at least `low`."""

    name: str
    found: float | None
    high: float | None = None
    low: float | None = None
    unit: str = "x"

    def row(self) -> tuple[str, str, str, str]:
        limit = f"at most {self.high:g} {self.unit}" if self.high is not None else f"at least {self.low:g} {self.unit}"
        if self.found is None:
            return self.name, "not measured", limit, "-"
        met = self.found <= self.high if self.high is not None else self.found >= (self.low or 0)
        return self.name, f"{self.found:.2f} {self.unit}", limit, "met" if met else "missed"


def run_process(
    command: Sequence[str | Path], *, expect: tuple[int, ...] = (0,), **environment: str
) -> tuple[Timed, str]:
    """Run to the end, with cached byte code as on a user's machine. Peak memory excludes Ray's workers."""
    child_environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | environment
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=err, env=child_environment)
        peak_rss_mb = _wait(process)
        wall_clock_s = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read(), err.read()
    if process.returncode not in expect:
        last = "\n".join((stderr or stdout).strip().splitlines()[-8:])
        raise BenchmarkError(f"{_short(command)} ended with {process.returncode}:\n{last}")
    return Timed(wall_clock_s=wall_clock_s, peak_rss_mb=peak_rss_mb), stdout


def _wait(process: subprocess.Popen[bytes]) -> float:
    """Wait, and measure only this child; memory in MB. It is killed after half an hour: Ray can wait forever."""
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    _, status, usage = os.wait4(process.pid, 0)
    watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024


def _short(command: Sequence[str | Path]) -> str:
    return " ".join(Path(part).name if os.sep in str(part) else str(part) for part in command)


def run_script(script: str, folder: Path, as_of: str, epochs: int) -> Timed:
    """(a) or (b): the last line of stdout is JSON."""
    with tempfile.TemporaryDirectory(prefix="one-machine-") as out:
        command = [sys.executable, HERE / script, folder, "--as-of", as_of, "--epochs", str(epochs), "--out", out]
        timed, stdout = run_process(command)
    said = json.loads(stdout.strip().splitlines()[-1])
    facts = {name: said[name] for name in ("test_mae", "rows_per_s", "loop_s")}
    return Timed(wall_clock_s=timed.wall_clock_s, peak_rss_mb=timed.peak_rss_mb, facts=facts)


def run_raytemplate(program: Path, folder: Path, as_of: str, epochs: int) -> Timed:
    """(c) in a new workspace; loading the champion in a second process is checked outside the timing."""
    workspace = Path(tempfile.mkdtemp(prefix="one-machine-"))
    command = [program, "run", folder / TEMPLATE, "--as-of", as_of, "--workspace", workspace]
    try:
        timed, _ = run_process(
            [*command, "--set", f"training.epochs={epochs}", "--set", "training.lr_schedule=constant"],
            expect=(0, EXIT_REJECTED),
        )
        facts = read_records(workspace)
        if facts["exit_code"] == 0:
            load_champion(workspace, folder)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return Timed(wall_clock_s=timed.wall_clock_s, peak_rss_mb=timed.peak_rss_mb, facts=facts)


def load_champion(workspace: Path, folder: Path) -> None:
    rows = max((folder / "data" / "flights").glob("*.parquet"))
    uri = f"sqlite:///{workspace}/.raytemplate/mlflow.db"
    _, stdout = run_process([sys.executable, "-c", LOAD_CHAMPION, rows], MLFLOW_TRACKING_URI=uri)
    if stdout.strip().splitlines()[-1:] != ["100"]:
        raise BenchmarkError(f"a second process loaded {MODEL} but predicted {stdout.strip()!r}, expected 100 rows")


def read_records(workspace: Path) -> dict[str, float]:
    """Rows a second, test error and the seconds of each stage, from the only run folder."""
    folders = [path for path in (workspace / ".raytemplate" / "runs").glob("*") if path.is_dir()]
    if len(folders) != 1:
        raise BenchmarkError(f"expected one run folder in a new workspace, found {len(folders)}")
    fit, end = (json.loads((folders[0] / name).read_text()) for name in ("fit.json", "end.json"))
    facts: dict[str, float] = {"rows_per_s": fit["rows_per_s"], "exit_code": end["exit_code"]}
    facts |= {f"stage {timing['stage']}": timing["actual_s"] for timing in end["timings"]}
    facts |= {f"timeline {name}": seconds for name, seconds in (end.get("timeline_s") or {}).items()}
    facts["loop_s"] = sum(epoch["loop_s"] for epoch in fit["epochs"])
    for evaluation in folders[0].glob("evaluat*.json"):
        facts["test_mae"] = json.loads(evaluation.read_text())["candidate"]["metrics"]["mae"]["estimate"]["value"]
    return facts


def interleave(
    doors: dict[str, Callable[[], Timed]], repeats: dict[str, int], *, warm_up: bool
) -> dict[str, list[Timed]]:
    """Each competitor in turn, round after round, so that a busy minute does not affect only one of them."""
    if warm_up:
        for name, door in doors.items():
            print(f"  warm-up {name}: {door().wall_clock_s:.1f} s", file=sys.stderr)
    found: dict[str, list[Timed]] = {name: [] for name in doors}
    for turn in range(max(repeats.values())):
        for name, door in doors.items():
            if turn < repeats[name]:
                found[name].append(door())
                print(f"  {turn + 1} {name}: {found[name][-1].wall_clock_s:.1f} s", file=sys.stderr)
    return found


def median(timed: list[Timed], fact: str = "") -> float | None:
    values = [one.facts[fact] if fact else one.wall_clock_s for one in timed if not fact or fact in one.facts]
    return statistics.median(values) if values else None


def spread(timed: list[Timed], fact: str = "", *, digits: int = 1) -> str:
    """Median with (min..max)."""
    values = [one.facts[fact] if fact else one.wall_clock_s for one in timed if not fact or fact in one.facts]
    if not values:
        return "-"
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}..{max(values):,.{digits}f})"


def ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def targets(found: dict[int, dict[str, list[Timed]]], doors: dict[str, list[Timed]]) -> list[Target]:
    """The targets, for the numbers of epochs that were run."""
    rows = []
    for epochs, competitors in found.items():
        a, b, c = (competitors.get(name, []) for name in ("a", "b", "c"))
        done = [
            one for one in c if one.facts["exit_code"] == 0
        ]  # exit code 0 means that a second process loaded the champion
        if epochs == 3:
            rows.append(Target(name="3 epochs, c / a", found=ratio(median(done), median(a)), high=2.5))
            rows.append(Target(name="3 epochs, c / b", found=ratio(median(done), median(b)), high=0.25))
        if epochs == 60:
            rows.append(Target(name="60 epochs, c / a", found=ratio(median(done), median(a)), high=1.4))
        in_loop = ratio(median(c, "rows_per_s"), median(a, "rows_per_s"))
        rows.append(Target(name=f"{epochs} epochs, rows/s in the loop, c / a", found=in_loop, low=0.95))
    rows.append(Target(name="raytemplate --help", found=median(doors.get("--help", [])), high=0.2, unit="s"))
    rows.append(Target(name="raytemplate check", found=median(doors.get("check", [])), high=0.5, unit="s"))
    return rows


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, which the terminal shows too."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines)


def machine() -> dict[str, str]:
    cpu = platform.processor() or platform.machine()
    with_name = re.search(r"model name\s*:\s*(.+)", _text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    return {
        "cpu": with_name.group(1) if with_name else cpu,
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{int(memory.group(1)) / 2**20:.0f} GB" if memory else "unknown",
        "load at the start": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def write_report(text: str, path: Path | None) -> None:
    """Print a report and, if a path is given, write it."""
    print(text)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"written: {path.name}", file=sys.stderr)


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("torch", "lightgbm", "xgboost-cpu", "ray", "mlflow", "pyarrow", "raytemplate"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    git = subprocess.run(
        ["git", "-C", str(HERE), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    found["commit"] = git.stdout.strip() or "none"
    return found


def report(
    found: dict[int, dict[str, list[Timed]]],
    doors: dict[str, list[Timed]],
    *,
    began: datetime,
    header: dict[str, str],
    quick: bool,
) -> str:
    names = {"a": "(a) plain PyTorch", "b": "(b) Ray by hand", "c": "(c) raytemplate run"}
    parts = ["# What does raytemplate cost on one machine?", ""]
    if quick:
        parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""]
    parts += [f"- {name}: {value}" for name, value in {"date": f"{began:%Y-%m-%d %H:%M} UTC", **header}.items()]
    judged = table(("figure", "found", "target", ""), [target.row() for target in targets(found, doors)])
    parts += ["", "Median (min..max) everywhere. Ratios are of medians.", "", "## Targets", "", judged]
    for epochs, competitors in found.items():
        rows = [
            (
                names[name],
                spread(timed),
                spread(timed, "rows_per_s", digits=0),
                spread(timed, "loop_s"),
                spread(timed, "test_mae", digits=2),
                f"{max(one.peak_rss_mb for one in timed):,.0f}",
                str(len(timed)),
            )
            for name, timed in competitors.items()
        ]
        head = ("", "whole process, s", "rows/s in the loop", "loop, s", "test mae, min", "driver peak, MB", "repeats")
        parts += ["", f"## {epochs} epochs", "", table(head, rows)]
        stages = stage_rows(competitors.get("c", []))
        if stages:
            parts += ["", "Where (c)'s time goes:", "", table(("from the run's records", "s"), stages)]
            codes = sorted({int(one.facts["exit_code"]) for one in competitors["c"]})
            parts += [
                "",
                f"Exit codes of (c): {codes} (0 promoted and loaded by a second process; 5 rejected by a gate).",
            ]
    if doors:
        rows = [(name, spread(timed, digits=3), str(len(timed))) for name, timed in doors.items()]
        parts += ["", "## Doors that start nothing", "", table(("", "whole process, s", "repeats"), rows)]
    return "\n".join(parts) + "\n"


def stage_rows(timed: list[Timed]) -> list[tuple[str, str]]:
    """Stages and timeline marks, and the time that no stage accounts for."""
    if not timed:
        return []
    names = [name for name in timed[0].facts if name.startswith(("stage ", "timeline "))]
    rows = [(name, spread(timed, name, digits=2)) for name in names]
    outside = [
        one.wall_clock_s - sum(seconds for name, seconds in one.facts.items() if name.startswith("stage "))
        for one in timed
    ]
    rest = f"{statistics.median(outside):.2f} ({min(outside):.2f}..{max(outside):.2f})"
    return [*rows, ("outside the stages (start, imports, end)", rest)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"holds {TEMPLATE} and data/flights/*.parquet")
    parser.add_argument("--as-of", default="2013-06-01")
    parser.add_argument("--epochs", type=int, nargs="+", default=[3, 60])
    parser.add_argument("--repeats", type=int, default=3, help="of each competitor, after one warm-up")
    parser.add_argument("--repeats-by-hand", type=int, help="fewer for (b), which is slow; default: as --repeats")
    parser.add_argument("--only", default="abc", help="competitors to run, such as `ab`; the rest is not measured")
    parser.add_argument("--quick", action="store_true", help="1 epoch, 1 repeat, no warm-up: does it run at all?")
    parser.add_argument("--hardware", help="name for the report's file; default: from the cores")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def find_program(only: str, folder: Path) -> Path:
    """The `raytemplate` installed with this Python, or one clear sentence."""
    program = Path(sys.executable).parent / "raytemplate"
    if not list((folder / "data" / "flights").glob("*.parquet")):
        raise BenchmarkError("no data/flights/*.parquet in DIR: run `raytemplate init DIR --example flights` first.")
    if "c" not in only:
        return program
    if not program.exists():
        raise BenchmarkError("no `raytemplate` beside this Python: `pip install -e .`, or use --only ab.")
    try:
        run_process([program, "run", "--help"])
    except BenchmarkError as error:
        raise BenchmarkError("`raytemplate run --help` fails: mend that, or use --only ab.") from error
    if not (folder / TEMPLATE).exists():
        raise BenchmarkError(f"no {TEMPLATE} in DIR: `raytemplate init DIR --example flights`, or use --only ab.")
    return program


def measure(
    options: argparse.Namespace, program: Path
) -> tuple[dict[int, dict[str, list[Timed]]], dict[str, list[Timed]]]:
    """Every competitor at every number of epochs, then the commands that start nothing."""
    folder: Path = options.folder.resolve()
    repeats = {"a": options.repeats, "b": options.repeats_by_hand or options.repeats, "c": options.repeats}
    found = {}
    for epochs in options.epochs:
        print(f"{epochs} epochs", file=sys.stderr)
        every: dict[str, Callable[[], Timed]] = {
            "a": lambda n=epochs: run_script("plain_torch.py", folder, options.as_of, n),
            "b": lambda n=epochs: run_script("ray_by_hand.py", folder, options.as_of, n),
            "c": lambda n=epochs: run_raytemplate(program, folder, options.as_of, n),
        }
        # (b) has a target only at the smallest number of epochs, and takes minutes at the others.
        wanted = options.only if epochs == min(options.epochs) else options.only.replace("b", "")
        chosen = {name: door for name, door in every.items() if name in wanted}
        found[epochs] = interleave(chosen, {n: repeats[n] for n in chosen}, warm_up=not options.quick and epochs < 20)
    if "c" not in options.only:
        return found, {}
    small = {
        "--help": lambda: run_process([program, "--help"])[0],
        "check": lambda: run_process([program, "check", folder / TEMPLATE])[0],
    }
    return found, interleave(small, dict.fromkeys(small, 1 if options.quick else 5), warm_up=True)


def command_line(options: argparse.Namespace) -> str:
    """The command line, without paths of this machine."""
    epochs = " ".join(str(n) for n in options.epochs)
    by_hand = f" --repeats-by-hand {options.repeats_by_hand}" if options.repeats_by_hand else ""
    return (
        f"python benchmarks/one_machine.py DIR --as-of {options.as_of} --epochs {epochs}"
        f" --repeats {options.repeats}{by_hand} --only {options.only}"
    )


def main() -> int:
    options, began = parse(), datetime.now(UTC)
    if options.quick:
        options.epochs, options.repeats, options.repeats_by_hand = [1], 1, 1
    header = {**machine(), "command": command_line(options)}
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    header["repeats"] = (
        f"{options.repeats} after one warm-up, interleaved; (b) {options.repeats_by_hand or options.repeats}"
    )
    try:
        found, doors = measure(options, find_program(options.only, options.folder))
    except BenchmarkError as error:
        print(f"one_machine: {error}", file=sys.stderr)
        return 1
    text = report(found, doors, began=began, header=header, quick=options.quick)
    hardware = options.hardware or f"{header['cores']}cores"
    write_report(text, None if options.quick else options.results / f"one_machine_{hardware}_{began:%Y%m}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
