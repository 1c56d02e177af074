"""What using a Ray that already runs costs: submitting to it, and driving it from this machine.

    python benchmarks/submit.py DIR [--repeats 3] [--quick]

DIR was made by `raytemplate init DIR --example flights`. The runner starts a Ray head of its own on loopback, with a
token, and ends it. It answers two questions, each with a competitor in the same call:

- from the command to the first training step: `raytemplate submit` against `ray job submit` of `ray_by_hand.py`;
- three epochs, whole process: `raytemplate run --address` against `plain_torch.py`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "tests" / "cluster")]

from head import Head
from one_machine import (
    TEMPLATE,
    BenchmarkError,
    Target,
    Timed,
    interleave,
    machine,
    median,
    ratio,
    run_script,
    spread,
    table,
    versions,
)

RAY = [sys.executable, "-m", "ray.scripts.scripts"]
AS_OF = "2013-06-01"
FIRST_STEP = re.compile(r"first step at ([0-9.]+)")


def submit_by_hand(head: Head, folder: Path) -> Timed:
    """`ray job submit` of the hand-written script, which prints when its first step began."""
    began = time.time()
    command = [
        *RAY, "job", "submit", "--address", head.jobs, "--working-dir", str(HERE), "--",
        *f"python ray_by_hand.py {folder} --as-of {AS_OF} --epochs 1 --out {head.folder / 'by-hand'}".split(),
    ]  # fmt: skip
    ended = subprocess.run(command, env=head.environment(), capture_output=True, text=True, timeout=600)
    found = FIRST_STEP.search(ended.stdout + ended.stderr)
    if found is None:
        raise BenchmarkError(f"ray job submit said no first step:\n{(ended.stdout + ended.stderr)[-2000:]}")
    return Timed(wall_clock_s=float(found[1]) - began, peak_rss_mb=0.0)


def submit(head: Head, folder: Path) -> Timed:
    """`raytemplate submit`. The first step is assumed to begin one epoch's seconds before its record was written."""
    place = Path(tempfile.mkdtemp(prefix="submit-"))
    began = time.time()
    arguments = ["--as-of", AS_OF, "--workspace", place, "--set", f"tracking.storage={place}/shared",
                 "--set", "training.epochs=1"]  # fmt: skip
    try:
        ended = head.raytemplate("submit", folder / TEMPLATE, "--address", head.jobs, *arguments, cwd=folder)
        if ended.returncode not in (0, 5):
            raise BenchmarkError(f"raytemplate submit ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
        path = next((place / "shared" / "runs").glob("*/epochs.jsonl"))
        first = path.stat().st_mtime - json.loads(path.read_text().splitlines()[0])["loop_s"]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Timed(wall_clock_s=first - began, peak_rss_mb=0.0, facts={"whole process": time.time() - began})


def run_here(head: Head, folder: Path, epochs: int) -> Timed:
    """`raytemplate run --address`, in a new workspace."""
    place = Path(tempfile.mkdtemp(prefix="submit-"))
    arguments = ["--as-of", AS_OF, "--workspace", place, "--set", f"training.epochs={epochs}"]
    began = time.time()
    try:
        ended = head.raytemplate("run", folder / TEMPLATE, "--address", head.address, *arguments, cwd=folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if ended.returncode not in (0, 5):
        raise BenchmarkError(f"raytemplate run ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    return Timed(wall_clock_s=time.time() - began, peak_rss_mb=0.0)


def measure(folder: Path, repeats: int, epochs: int, *, warm_up: bool) -> dict[str, list[Timed]]:
    """All four competitors, interleaved, on one head."""
    place = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    head = Head(place)
    doors = {
        "ray job submit": lambda: submit_by_hand(head, folder),
        "raytemplate submit": lambda: submit(head, folder),
        "plain PyTorch": lambda: run_script("plain_torch.py", folder, AS_OF, epochs),
        "raytemplate run --address": lambda: run_here(head, folder, epochs),
    }
    try:
        head.start()
        return interleave(doors, dict.fromkeys(doors, repeats), warm_up=warm_up)
    finally:
        head.stop()
        shutil.rmtree(place, ignore_errors=True)


def report(found: dict[str, list[Timed]], epochs: int, *, quick: bool) -> str:
    """Figures and targets as Markdown."""
    ratios = {name: median(timed) for name, timed in found.items()}
    submit_ratio = ratio(ratios["raytemplate submit"], ratios["ray job submit"])
    run_ratio = ratio(ratios["raytemplate run --address"], ratios["plain PyTorch"])
    judged = [
        Target(name="to the first step, submit / by hand", found=submit_ratio, high=1.2).row(),
        Target(name=f"{epochs} epochs, run --address / plain PyTorch", found=run_ratio, high=1.8).row(),
    ]
    parts = ["# What does a Ray that already runs cost?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    header = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **machine(), **versions()}
    parts += [f"- {name}: {value}" for name, value in header.items()]
    rows = [(name, spread(timed), str(len(timed))) for name, timed in found.items()]
    parts += ["", table(("figure", "found", "target", ""), judged), "", table(("", "s", "repeats"), rows)]
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3, help="of each, after one warm-up")
    parser.add_argument("--quick", action="store_true", help="1 epoch, 1 repeat, no warm-up: does it run at all?")
    parser.add_argument("--out", type=Path, help="file for the report; default: printed")
    options = parser.parse_args()
    epochs, repeats = (1, 1) if options.quick else (3, options.repeats)
    found = measure(options.folder.absolute(), repeats, epochs, warm_up=not options.quick)
    text = report(found, epochs, quick=options.quick)
    print(text)
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
