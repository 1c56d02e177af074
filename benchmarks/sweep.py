"""What a sweep costs next to Optuna alone and Ray Tune, final training and evaluation included; how it keeps time.

    python benchmarks/sweep.py DIR [--repeats 3] [--only small large time quality events empty] [--quick] [--before BIN]
                               [--batch-size 10]

DIR was made by `raytemplate init DIR --example flights`. Small trials take a third of a second, large ones several
seconds. For `time` and `quality` the sweep searches until its budget ends; trials of `empty` train nothing. With
`--before` the `raytemplate` of another commit is measured too; then run this outside of the checkout, whose
package the workers would find first.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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

SMALL = {"as-of": "2013-02-15", "epochs": 3, "trials": 24}
LARGE = {"as-of": "2013-06-01", "epochs": 30, "trials": 24}
TIMED = {"as-of": "2013-06-01", "epochs": 2, "batch-size": 10}
"""Epochs of five seconds on the first machine; on others `--batch-size` makes them as long."""
QUALITY = {"as-of": "2013-06-01", "epochs": 6, "seconds": 45}
LATE = "flights-late.yaml"
SEEDS = (1, 2, 3, 4, 5)
TRAINER_TRIALS = 6
KILLED, KILLED_AT_S, KILLED_BUDGET_S = -9, 30, 60
PARTS = ("small", "large", "time", "quality", "events", "empty")
BUDGETS = {60: 0.85, 120: 0.92, 300: 0.95}
EVENTS = (1_000, 10_000)
EMPTY = (100, 1_000)
EPOCHS, EPOCH_S = 1_000, 0.005
Runs = dict[str, list[Timed]]
"""Competitor -> what each of its runs took."""


def run_sweep(
    folder: Path,
    size: dict,
    template: str = TEMPLATE,
    *,
    killed_at_s: int = 0,
    command: Path | None = None,
    **more: str,
) -> Timed:
    """`raytemplate run` in a new workspace, which searches learning rate and width of the network of `plain_torch.py`.

    Args:
        killed_at_s: seconds after which the process is killed, and the run resumed at once.
        command: the `raytemplate` to run, if not the installed one.
    """
    workspace = Path(tempfile.mkdtemp(prefix="sweep-"))
    raytemplate, where = command or Path(sys.executable).parent / "raytemplate", ("--workspace", workspace)
    sets = settings_of(size) | more
    words = [raytemplate, "run", folder / template, "--as-of", size["as-of"], *where]
    words += [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    try:
        began = time.perf_counter()
        if killed_at_s:
            run_process(["timeout", "--signal=KILL", str(killed_at_s), *words], expect=(KILLED,))
            words = [raytemplate, "resume", "last", *where]
        timed, _ = run_process(words, expect=(0, EXIT_REJECTED))
        (run,) = (path for path in (workspace / ".raytemplate" / "runs").iterdir() if path.is_dir())
        return replace(timed, wall_clock_s=time.perf_counter() - began, facts=facts_of(run))
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def settings_of(size: dict) -> dict[str, str]:
    """The settings for a sweep of this size."""
    fields = {"epochs": "training.epochs", "batch-size": "training.batch_size", "trials": "budget.trials",
              "seed": "training.seed"}  # fmt: skip
    return {
        "model": "{kind: tabular-mlp}",
        "training.lr_schedule": "constant",
        "tuning.space": "{training.lr: loguniform(1e-4, 1e-1), model.hidden: choice(32, 64, 128)}",
        "budget.time": f"{size['seconds']}s" if "seconds" in size else "30m",
        **{fields[name]: value for name, value in size.items() if name in fields},
    }


def facts_of(run: Path) -> dict[str, float]:
    swept, end = (json.loads((run / name).read_text()) for name in ("sweep.json", "end.json"))
    evaluation = json.loads(next(run.glob("evaluat*.json")).read_text())
    took = {timing["stage"]: timing["actual_s"] for timing in end["timings"]}
    return {
        "num_trials": len(swept["trials"]),
        "search_s": took["sweep"],
        "validation": swept["best"]["validation"],
        "test": evaluation["candidate"]["metrics"][swept["metric"]]["estimate"]["value"],
        "trained_s": sum(trial["actual_s"] for trial in swept["trials"]),
        "slots": swept["slots"],
        "start_s": took["start"],
    }


def by_hand(folder: Path, size: dict, script: str, *more: str) -> Timed:
    """A script whose last line of stdout is JSON."""
    command = [sys.executable, HERE / script, folder, *more]
    command += [part for name, value in size.items() for part in (f"--{name}", str(value))]
    timed, stdout = run_process(command)
    said = json.loads(stdout.strip().splitlines()[-1])
    return replace(timed, facts={name: said[name] for name in ("num_trials", "search_s", "validation", "test")})


def measure_trials(folder: Path, size: dict, repeats: int, *, tune: bool, before: Path | None) -> Runs:
    """A number of trials with Optuna alone, raytemplate, that of another commit and, if requested, Tune."""
    doors = {
        "Optuna alone": partial(by_hand, folder, size, "optuna_by_hand.py"),
        "raytemplate": partial(run_sweep, folder, size, **{"tuning.scheduler": "none"}),
    }
    if before:
        doors["raytemplate before"] = partial(run_sweep, folder, size, command=before, **{"tuning.scheduler": "none"})
    if tune:
        doors["Tune, function, reused actors"] = partial(by_hand, folder, size, "tune_by_hand.py", "function")
        few = {**size, "trials": TRAINER_TRIALS}
        doors[f"Tune, a trainer a trial ({TRAINER_TRIALS})"] = partial(
            by_hand, folder, few, "tune_by_hand.py", "trainer"
        )
    return interleave(doors, {who: 1 if "trainer" in who else repeats for who in doors}, warm_up=False)


def measure_time(folder: Path, repeats: int) -> dict[int, Runs]:
    """Sweeps that search until their time is up, with and without a final training, or killed meanwhile."""
    found = {}
    for seconds in BUDGETS:
        size = {**TIMED, "seconds": seconds}
        doors = {
            "raytemplate": partial(run_sweep, folder, size),
            "raytemplate, refit: no": partial(run_sweep, folder, size, **{"tuning.refit": "no"}),
            "Tune, time_budget_s": partial(by_hand, folder, size, "tune_by_hand.py", "function"),
        }
        if seconds == KILLED_BUDGET_S:
            killed = partial(run_sweep, folder, size, killed_at_s=KILLED_AT_S)
            doors[f"raytemplate, killed at {KILLED_AT_S} s and resumed"] = killed
        found[seconds] = interleave(doors, {who: 1 if "Tune" in who else repeats for who in doors}, warm_up=False)
    return found


def measure_quality(folder: Path, seeds: tuple[int, ...]) -> dict[str, Runs]:
    """The best values found in the same time on two data sets, one run for each seed."""
    found = {}
    for template, more in ((TEMPLATE, ()), (LATE, ("--late",))):
        runs = found[template.removesuffix(".yaml")] = {"Optuna alone": [], "raytemplate": []}
        for seed in seeds:
            size = {**QUALITY, "seed": seed}
            runs["Optuna alone"].append(by_hand(folder, size, "optuna_by_hand.py", *more))
            runs["raytemplate"].append(run_sweep(folder, size, template))
    return found


def measure_events(sizes: tuple[int, ...]) -> dict[int, float]:
    """Microseconds of our own work for each trial, in simulated sweeps of many trials drawn at random."""
    sys.path.insert(0, str(HERE.parent / "tests" / "execution"))
    from test_sweep_rules import sweep

    found = {}
    for size in sizes:
        made, _, _ = sweep(budget_s=1e9, num_trials=size, refit=False)
        began = time.perf_counter()
        made.run()
        found[size] = (time.perf_counter() - began) / size * 1e6
    return found


def measure_two_at_once(folder: Path, size: dict) -> float:
    """How much longer Optuna alone takes while another process does the same: how close two cores are to twice one."""

    def one() -> float:
        return by_hand(folder, size, "optuna_by_hand.py").wall_clock_s

    alone = one()
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: one(), range(2)))
    return max(both) / alone


def measure_empty(folder: Path, sizes: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Real trials that train nothing, and one trial of many short epochs."""
    found = {}
    for name, more in {
        **{f"{n:,} empty trials": ("--trials", n) for n in sizes},
        f"{EPOCHS:,} epochs of {EPOCH_S * 1000:.0f} ms": ("--trials", 1, "--epochs", EPOCHS, "--epoch-s", EPOCH_S),
    }.items():
        _, stdout = run_process([sys.executable, HERE / "trials_of_tune.py", folder, *map(str, more)])
        found[name] = json.loads(stdout.strip().splitlines()[-1])
    return found


def empty_targets(found: dict[str, dict[str, float]]) -> list[Target]:
    few, *_, many, epochs = found.values()
    return [
        Target(name="an empty trial's turnaround", found=few["turnaround_s"] * 1000, high=50, unit="ms"),
        Target(name="from the last trial's end to the sweep's", found=many["return_s"], high=0.5, unit="s"),
        Target(
            name=f"own work a trial, {EMPTY[1]:,} empty trials / {EMPTY[0]:,}",
            found=many["cpu_a_trial_s"] / few["cpu_a_trial_s"],
            high=1.5,
        ),
        Target(
            name=f"{EPOCHS:,} epochs of {EPOCH_S * 1000:.0f} ms, in Tune / alone",
            found=epochs["longest_s"] / epochs["alone_s"],
            high=1.1,
        ),
    ]


def targets(found: dict) -> list[Target]:
    rows: list[Target] = []
    for name, limit in (("small", 1.5), ("large", 0.6)):
        if name in found:
            rows += trials_targets(name, limit, found[name])
    for seconds, runs in found.get("time", {}).items():
        rows += time_targets(seconds, runs)
    for name, runs in found.get("quality", {}).items():
        ours, alone = (median(runs[who], "validation") for who in ("raytemplate", "Optuna alone"))
        rows.append(Target(name=f"{name}: validation loss, raytemplate / Optuna alone", found=ours / alone, high=1.0))
    if len(events := found.get("events", {})) == len(EVENTS):
        few, many = (events[size] for size in EVENTS)
        rows.append(Target(name=f"work a trial, {EVENTS[1]:,} trials / {EVENTS[0]:,}", found=many / few, high=1.5))
    return rows + (empty_targets(found["empty"]) if "empty" in found else [])


def trials_targets(name: str, limit: float, runs: Runs) -> list[Target]:
    ours, alone = median(runs["raytemplate"]), median(runs["Optuna alone"])
    rows = [Target(name=f"24 {name} trials, raytemplate / Optuna alone", found=ratio(ours, alone), high=limit)]
    if function := runs.get("Tune, function, reused actors"):
        rows.append(
            Target(name=f"24 {name} trials, raytemplate / Tune by hand", found=ratio(ours, median(function)), high=0.75)
        )
    if trainer := next((each for who, each in runs.items() if "trainer" in who), None):
        scaled = (median(trainer) or 0.0) * SMALL["trials"] / TRAINER_TRIALS
        rows.append(
            Target(
                name=f"24 {name} trials, raytemplate / a trainer a trial, scaled", found=ratio(ours, scaled), high=0.06
            )
        )
    return rows


def time_targets(seconds: int, runs: Runs) -> list[Target]:
    ours = {who: each for who, each in runs.items() if who.startswith("raytemplate")}
    rows = [
        Target(
            name=f"{seconds} s, {who}: end after the budget's",
            found=max(one.wall_clock_s for one in each) - seconds,
            high=max(2.0, 0.02 * seconds),
            unit="s",
        )
        for who, each in ours.items()
    ]
    share = min(
        one.facts["trained_s"] / (one.facts["slots"] * (seconds - one.facts["start_s"]))
        for one in ours["raytemplate, refit: no"]
    )
    return [
        *rows,
        Target(
            name=f"{seconds} s, refit: no: share of the slots' time in trials, less Ray's start",
            found=share,
            low=BUDGETS[seconds],
        ),
    ]


HEAD = ("", "whole process, s", "search, s", "trials", "validation", "test")
TIME_HEAD = (*HEAD, "in trials, s", "Ray's start, s")


def rows_of(runs: Runs, *more: str) -> list[tuple[str, ...]]:
    return [
        (
            who,
            spread(each),
            spread(each, "search_s"),
            spread(each, "num_trials", digits=0),
            spread(each, "validation", digits=3),
            spread(each, "test", digits=3),
            *(spread(each, name) for name in more),
        )
        for who, each in runs.items()
    ]


def report(header: dict[str, str], found: dict, *, quick: bool) -> str:
    parts = ["# What does a sweep cost?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    judged = table(("figure", "found", "target", ""), [one.row() for one in targets(found)])
    parts += ["", "Median (min..max). Ratios are of medians of whole processes.", "", "## Targets", "", judged]
    for name, size in (("small", SMALL), ("large", LARGE)):
        if name in found:
            parts += [
                "",
                f"## {name} trials: {size['epochs']} epochs, as of {size['as-of']}",
                "",
                table(HEAD, rows_of(found[name])),
            ]
    if twice := found.get("two at once"):
        parts += ["", f"Two processes of Optuna alone at once take {twice:.2f} x as long as one."]
    for seconds, runs in found.get("time", {}).items():
        parts += [
            "",
            f"## {seconds} s: {TIMED['epochs']} epochs a trial, batches of {TIMED['batch-size']}",
            "",
            table(TIME_HEAD, rows_of(runs, "trained_s", "start_s")),
        ]
    for name, runs in found.get("quality", {}).items():
        parts += [
            "",
            f"## {name}: {QUALITY['seconds']} s, {QUALITY['epochs']} epochs a trial, a run a seed",
            "",
            table(HEAD, rows_of(runs)),
        ]
    if events := found.get("events"):
        rows = [(f"{size:,}", f"{micros:,.0f}") for size, micros in events.items()]
        parts += ["", "## Simulated sweeps", "", table(("trials", "work a trial, microseconds"), rows)]
    if empty := found.get("empty"):
        names = next(iter(empty.values()))
        rows = [(name, *(f"{one[fact]:.3f}" for fact in names)) for name, one in empty.items()]
        parts += ["", "## Trials that train nothing", "", table(("", *names), rows)]
    return "\n".join(parts) + "\n"


def measure(folder: Path, part: str, repeats: int, *, quick: bool, before: Path | None) -> dict:
    match part:
        case "small":
            size = {**SMALL, "trials": 2} if quick else SMALL
            return measure_trials(folder, size, repeats, tune=True, before=before)
        case "large":
            return measure_trials(folder, LARGE, repeats, tune=False, before=before)
        case "time":
            return measure_time(folder, repeats)
        case "quality":
            return measure_quality(folder, SEEDS)
        case "empty":
            return measure_empty(folder, EMPTY)
    return measure_events(EVENTS[:1] if quick else EVENTS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"holds {TEMPLATE}, {LATE} and data/flights/*.parquet")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="2 trials, 1 repeat: does it run at all?")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--before", type=Path, help="the raytemplate command of another commit")
    parser.add_argument(
        "--batch-size", type=int, default=TIMED["batch-size"], help="for `time`: epochs of five seconds"
    )
    options = parser.parse_args()
    TIMED["batch-size"] = options.batch_size
    began = datetime.now(UTC)
    chosen, repeats = (("small", "events"), 1) if options.quick else (options.only, options.repeats)
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": f"sweep.py DIR --only {' '.join(chosen)}"}
    if "time" in chosen:
        header["command"] += f" --batch-size {options.batch_size}"
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    try:
        folder, before = options.folder.absolute(), options.before
        found = {part: measure(folder, part, repeats, quick=options.quick, before=before) for part in chosen}
        if "large" in chosen:
            found["two at once"] = measure_two_at_once(folder, LARGE)
    except BenchmarkError as error:
        print(f"sweep: {error}", file=sys.stderr)
        return 1
    name = "sweep" if set(chosen) == set(PARTS) else f"sweep_{'_'.join(chosen)}"
    path = options.results / f"{name}_{header['cores']}cores_{began:%Y%m}.md"
    write_report(report(header, found, quick=options.quick), None if options.quick else path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
