"""What a sweep costs beside Optuna alone and Ray Tune, the last training and evaluation included; how it keeps time.

    python benchmarks/sweep.py DIR [--repeats 3] [--only small large time events] [--quick]

DIR is what `raytemplate init DIR --example flights` made. Small trials take a third of a second, large ones several
seconds. For `time` the sweep searches until its budget ends.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

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

SMALL = {"as_of": "2013-02-15", "epochs": 3, "trials": 24}
LARGE = {"as_of": "2013-06-01", "epochs": 15, "trials": 24}
TRAINER_TRIALS = 6
PARTS = ("small", "large", "time", "events")
BUDGETS = {60: 0.75, 120: 0.9, 300: 0.9}
EVENTS = (1_000, 10_000)


def run_sweep(folder: Path, *, as_of: str, epochs: int, trials: int | None = None, **more: str) -> Timed:
    """`raytemplate run` of the network of `plain_torch.py`, its rate and width searched, in a new workspace."""
    workspace = Path(tempfile.mkdtemp(prefix="sweep-"))
    space = "{training.lr: loguniform(1e-4, 1e-1), model.hidden: choice(32, 64, 128)}"
    sets = {
        "training.epochs": str(epochs), "training.lr_schedule": "constant", "tuning.space": space,
        "tuning.scheduler": "none", "budget.time": "30m", **({"budget.trials": str(trials)} if trials else {}), **more,
    }  # fmt: skip
    command = [Path(sys.executable).parent / "raytemplate", "run", folder / TEMPLATE, "--as-of", as_of]
    command += [
        "--workspace",
        workspace,
        *(part for key, value in sets.items() for part in ("--set", f"{key}={value}")),
    ]
    try:
        timed, _ = run_process(command, expect=(0, EXIT_REJECTED))
        (run,) = (path for path in (workspace / ".raytemplate" / "runs").iterdir() if path.is_dir())
        return replace(timed, facts=facts_of(run))
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def facts_of(run: Path) -> dict[str, float]:
    swept, end = (json.loads((run / name).read_text()) for name in ("sweep.json", "end.json"))
    evaluation = json.loads(next(run.glob("evaluat*.json")).read_text())
    took = {timing["stage"]: timing["actual_s"] for timing in end["timings"]}
    trained = sum(trial["actual_s"] for trial in swept["trials"])
    return {
        "num_trials": len(swept["trials"]), "search_s": took["sweep"], "validation_mae": swept["best"]["validation"],
        "test_mae": evaluation["candidate"]["metrics"]["mae"]["estimate"]["value"], "trained_s": trained,
        "slots": swept["slots"], "start_s": took["start"],
    }  # fmt: skip


def by_hand(folder: Path, script: str, *more: str, as_of: str, epochs: int, trials: int) -> Timed:
    """A script whose last line of stdout is JSON."""
    command = [sys.executable, HERE / script, folder, *more, "--as-of", as_of, "--epochs", str(epochs)]
    timed, stdout = run_process([*command, "--trials", str(trials)])
    said = json.loads(stdout.strip().splitlines()[-1])
    return replace(timed, facts={name: said[name] for name in ("num_trials", "search_s", "validation_mae", "test_mae")})


def competitors(folder: Path, size: dict, *, tune: bool) -> dict:
    doors = {
        "Optuna alone": partial(by_hand, folder, "optuna_by_hand.py", **size),
        "raytemplate": partial(run_sweep, folder, **size),
    }
    if tune:
        doors["Tune, function, reused actors"] = partial(by_hand, folder, "tune_by_hand.py", "function", **size)
        few = {**size, "trials": TRAINER_TRIALS}
        doors[f"Tune, a trainer a trial ({TRAINER_TRIALS})"] = partial(
            by_hand, folder, "tune_by_hand.py", "trainer", **few
        )
    return doors


def measure_time(folder: Path, budgets: tuple[int, ...]) -> dict[int, list[Timed]]:
    """Runs that search until their time is up, without a last training."""
    more = {"tuning.refit": "no"}
    found = {}
    for seconds in budgets:
        found[seconds] = [run_sweep(folder, as_of="2013-06-01", epochs=2, **more, **{"budget.time": f"{seconds}s"})]
        print(f"  {seconds} s: {found[seconds][0].wall_clock_s:.1f} s", file=sys.stderr)
    return found


def measure_events(sizes: tuple[int, ...]) -> dict[int, float]:
    """Microseconds of our own work a trial, of simulated sweeps of so many: the search draws at random."""
    sys.path.insert(0, str(HERE.parent / "tests" / "execution"))
    from test_sweep_rules import sweep

    found = {}
    for size in sizes:
        made, _, _ = sweep(budget_s=1e9, num_trials=size, refit=False)
        began = time.perf_counter()
        made.run()
        found[size] = (time.perf_counter() - began) / size * 1e6
    return found


def targets(sizes: dict[str, dict[str, list[Timed]]], timed: dict[int, list[Timed]], events: dict[int, float]) -> list:
    rows = []
    for name, limit in (("small", 1.5), ("large", 0.6)):
        if name not in sizes:
            continue
        ours, alone = sizes[name]["raytemplate"], sizes[name]["Optuna alone"]
        found = ratio(median(ours), median(alone))
        rows.append(Target(name=f"24 {name} trials, raytemplate / Optuna alone", found=found, high=limit))
        trainer = next((each for key, each in sizes[name].items() if "trainer" in key), None)
        if trainer:
            scaled = (median(trainer) or 0.0) * SMALL["trials"] / TRAINER_TRIALS
            rows.append(Target(name="24 small trials, raytemplate / a trainer a trial, scaled",
                               found=ratio(median(ours), scaled), high=0.06))  # fmt: skip
    for seconds, runs in timed.items():
        late = max(one.wall_clock_s - seconds for one in runs)
        rows.append(
            Target(name=f"{seconds} s: later than the budget", found=late, high=max(2.0, 0.02 * seconds), unit="s")
        )
        share = min(
            one.facts["trained_s"] / (one.facts["slots"] * (seconds - one.facts["start_s"])) for one in runs
        )  # fmt: skip
        rows.append(Target(name=f"{seconds} s: share of the slots' time in trials, less the start", found=share,
                           low=BUDGETS[seconds]))  # fmt: skip
    if len(events) == len(EVENTS):
        few, many = (events[size] for size in EVENTS)
        rows.append(Target(name=f"work a trial, {EVENTS[1]:,} trials / {EVENTS[0]:,}", found=many / few, high=1.5))
    return rows


def report(
    header: dict[str, str], sizes: dict[str, dict[str, list[Timed]]], timed: dict[int, list[Timed]],
    events: dict[int, float], *, quick: bool,
) -> str:  # fmt: skip
    parts = ["# What does a sweep cost?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    judged = table(("figure", "found", "target", ""), [one.row() for one in targets(sizes, timed, events)])
    parts += ["", "Median (min..max). Ratios are of medians of whole processes.", "", "## Targets", "", judged]
    head = ("", "whole process, s", "search, s", "trials", "validation mae", "test mae")
    for name, competing in sizes.items():
        size = SMALL if name == "small" else LARGE
        rows = [
            (who, spread(runs), spread(runs, "search_s"), spread(runs, "num_trials", digits=0),
             spread(runs, "validation_mae", digits=2), spread(runs, "test_mae", digits=2))
            for who, runs in competing.items()
        ]  # fmt: skip
        parts += ["", f"## {name} trials: {size['epochs']} epochs, as of {size['as_of']}", "", table(head, rows)]
    if timed:
        rows = [
            (f"{seconds} s", spread(runs), spread(runs, "num_trials", digits=0), spread(runs, "trained_s"),
             spread(runs, "start_s"))
            for seconds, runs in timed.items()
        ]  # fmt: skip
        parts += ["", "## Until the time is up", "",
                  table(("budget", "whole process, s", "trials", "in trials, s", "start, s"), rows)]  # fmt: skip
    if events:
        rows = [(f"{size:,}", f"{micros:,.0f}") for size, micros in events.items()]
        parts += ["", "## Simulated sweeps", "", table(("trials", "work a trial, microseconds"), rows)]
    return "\n".join(parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"holds {TEMPLATE} and data/flights/*.parquet")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="2 trials, 1 repeat: does it run at all?")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    options = parser.parse_args()
    began, chosen = datetime.now(UTC), options.only
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": f"sweep.py DIR --only {' '.join(chosen)}"}
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    repeats = options.repeats
    if options.quick:
        repeats, chosen = 1, ("small", "events")
        SMALL["trials"] = 2
    sizes, timed, events = {}, {}, {}
    try:
        for name, size in (("small", SMALL), ("large", LARGE)):
            if name in chosen:
                doors = competitors(options.folder.absolute(), size, tune=name == "small")
                few = {who: 1 if "trainer" in who else repeats for who in doors}
                sizes[name] = interleave(doors, few, warm_up=False)
        if "time" in chosen:
            timed = measure_time(options.folder.absolute(), tuple(BUDGETS))
        if "events" in chosen:
            events = measure_events(EVENTS[:1] if options.quick else EVENTS)
    except BenchmarkError as error:
        print(f"sweep: {error}", file=sys.stderr)
        return 1
    text = report(header, sizes, timed, events, quick=options.quick)
    write_report(text, None if options.quick else options.results / f"sweep_{header['cores']}cores_{began:%Y%m}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
