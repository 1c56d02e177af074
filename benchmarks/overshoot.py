"""By how much does a run outlast its budget? Measures every way of running, each to the end of its budget.

    python benchmarks/overshoot.py DIR [--repeats 2] [--only modes busy] [--modes NAME ...] [--quick]

DIR was made by `raytemplate init DIR --example flights`. Lateness is the time from the end of the budget until the
process has gone (in a notebook: the call has returned) and its end is recorded; the clock runs from the start of the
command. `modes` runs each way in turn, and Ray Tune with `time_budget_s` and `timeout` around a hand-written script.
`busy` runs 15 runs to the end of their budget while two other processes keep the CPUs busy, and checks exit codes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "tests" / "cluster")]

from command_line import COMMAND, alive, descendants, environment, epochs, only_run
from head import Head, running_head
from one_machine import BenchmarkError, Target, machine, table, versions, write_report
from small_flights import AS_OF, SHIPPED, as_sets, changed, write_demo

PARTS = ("modes", "busy")
HARD_S = 2.0
EXIT_SPENT, KILLED = 4, 128 + signal.SIGKILL
PATIENCE_S = 120.0
"""Seconds after its budget at which a run is given up and killed."""
BUSY_RUNS, BUSY_BUDGET_S = 15, 20
SETTLE_S, LEFT_S = 3.0, 1.0
NET = """
import ctypes, time
import torch

class Net(torch.nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.linear = torch.nn.Linear(len(layout.dense), 1)

    def forward(self, dense, codes):
        {waits}
        return self.linear(dense)

def build(layout):
    return Net(layout)
"""
DEAF = """
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass
"""
HOLDS = "ctypes.PyDLL(None).sleep(3600)  # with the lock of the interpreter"
OWN = {"model": {"kind": "torch", "build": "never:build"}, "code.modules": ["never"]}
LONG = {"training.epochs": 100_000}
NO_END = {"training.batch_size": 1, "data.windows.train": "all"}
"""One epoch takes longer than the budget, so there is never a checkpoint."""
TWO = {"resources.workers": 2, "resources.per_worker.cpus": 0.5}
SWEEP = {"tuning.space": "{training.lr: loguniform(1e-4, 1e-1), model.hidden: choice(32, 64)}", "budget.trials": 10_000}
STREAM = {"data.ingest": "stream"}
NOTEBOOK = """
import json, time
from raytemplate import api
planned = api.plan(api.load({template!r}, set={changes!r}), {as_of!r})
began = time.time()
try:
    code = api.run(planned, quiet=True).end.exit_code
except Exception as error:
    code = error.exit_code
print(json.dumps([began, time.time(), code]), flush=True)
"""
HOG = """
import time
import ray
from ray.util.placement_group import placement_group
ray.init(log_to_driver=False)
ray.get(placement_group([{"CPU": 2}]).ready())
print("held", flush=True)
time.sleep(3600)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How one run ended; `shell` is the exit code that a shell shows, `recorded` the one in the run's record."""

    late_s: float
    shell: int
    recorded: int | None
    judged: bool
    left: int
    """Processes it had started that still ran a second later."""
    load: float
    said: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mode:
    """One way of running to the end of a budget; `killed` if its process cannot report anything any more."""

    budget_s: int
    run: Callable[[Path, int], Ended]
    killed: bool = False
    ours: bool = True


@dataclass(kw_only=True)
class Watched:
    """A process from its start to its end: when it had gone, and what it had started."""

    process: subprocess.Popen[str]
    began: float
    below: list[int] = field(default_factory=list)

    def wait(self, budget_s: float, meanwhile: Callable[[], object] = lambda: None) -> float:
        """Wait for its end; returns the time on the wall clock."""
        while self.process.poll() is None:
            past_s = time.time() - self.began
            if past_s > budget_s - SETTLE_S:
                self.below = sorted({*self.below, *descendants(self.process.pid)})
            if past_s > budget_s + PATIENCE_S:
                for pid in (self.process.pid, *descendants(self.process.pid)):
                    os.kill(pid, signal.SIGKILL)
            meanwhile()
            time.sleep(0.03)
        return time.time()


def typed(*arguments: str, demo: Path, env: Mapping[str, str] | None = None) -> Watched:
    """Start a command, with its output in a file."""
    with (demo / "said.txt").open("w") as said:
        began = time.time()
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=demo,
            env=dict(env or environment()),
            stdout=said,
            stderr=said,
            text=True,
            start_new_session=True,
        )
    return Watched(process=process, began=began)


def ended(watched: Watched, demo: Path, budget_s: float, gone: float, *, shell: int, since: float = 0.0) -> Ended:
    """What is left when the process has gone. The record may come a moment later, and then counts as the end."""
    load, run = os.getloadavg()[0], only_run(demo)
    said = (demo / "said.txt").read_text() if (demo / "said.txt").exists() else ""
    if run is None:
        raise BenchmarkError(f"no run was begun:\n{said[-1500:]}")
    path, until = run / "end.json", time.monotonic() + 15
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    end = json.loads(path.read_text()) if path.exists() else {}
    while (left := len(alive(watched.below))) and time.time() < gone + LEFT_S:
        time.sleep(0.02)
    recorded_at = path.stat().st_mtime if path.exists() else gone
    return Ended(
        late_s=max(gone, recorded_at) - (since or watched.began) - budget_s,
        shell=shell,
        recorded=end.get("exit_code"),
        judged=(run / "verdict.json").exists(),
        left=left,
        load=load,
        said=said,
    )


def own_process(
    changes: Mapping[str, Any], demo: Path, budget_s: int, *, waits: str = "", stopped: bool = False
) -> Ended:
    """`raytemplate run`, from its start to its end."""
    if waits:
        (demo / "never.py").write_text(NET.format(waits=waits))
    sets = as_sets({**changes, "budget.time": f"{budget_s}s"})
    watched = typed("run", SHIPPED.name, "--as-of", AS_OF, *sets, demo=demo)

    def stop_it() -> None:
        nonlocal stopped
        if stopped and (run := only_run(demo)) and epochs(run):
            watched.below += descendants(watched.process.pid)
            os.kill(watched.process.pid, signal.SIGSTOP)
            stopped = False

    gone = watched.wait(budget_s, stop_it)
    return ended(watched, demo, budget_s, gone, shell=as_shell(watched.process.returncode))


def as_shell(code: int) -> int:
    return code if code >= 0 else 128 - code


def notebook(changes: Mapping[str, Any], demo: Path, budget_s: int, *, waits: str = "") -> Ended:
    """`api.run` in a process that must survive; its clock runs from the call."""
    if waits:
        (demo / "never.py").write_text(NET.format(waits=waits))
    asked = changed({**changes, "budget.time": f"{budget_s}s"})
    (demo / "cells.py").write_text(NOTEBOOK.format(template=SHIPPED.name, changes=asked, as_of=AS_OF))
    with (demo / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "cells.py"],
            cwd=demo,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        watched = Watched(process=process, began=time.time())
        watched.wait(budget_s + 10)
    out = process.stdout.read() if process.stdout else ""
    if process.returncode or not out:
        raise BenchmarkError(
            f"the notebook's process ended with {process.returncode}:\n{(demo / 'said.txt').read_text()}"
        )
    since, back, code = json.loads(out.splitlines()[-1])
    return ended(watched, demo, budget_s, back, shell=code, since=since)


def submitted(changes: Mapping[str, Any], demo: Path, budget_s: int, *, queued: bool = False) -> Ended:
    """`raytemplate submit` to a Ray on loopback; queued if another job holds all its CPUs."""
    with running_head() as head, holding_all(head, wanted=queued):
        named = {**changes, "budget.time": f"{budget_s}s", "tracking.storage": str(demo / "shared")}
        options = ["--address", head.jobs, "--as-of", AS_OF, *as_sets(named)]
        watched = typed("submit", SHIPPED.name, *options, demo=demo, env=head.environment())
        gone = watched.wait(budget_s)
        return ended(watched, demo, budget_s, gone, shell=as_shell(watched.process.returncode))


@contextmanager
def holding_all(head: Head, *, wanted: bool) -> Generator[None]:
    """Within this context, another job holds the CPUs of that Ray."""
    if not wanted:
        yield
        return
    hog = subprocess.Popen([sys.executable, "-c", HOG], env=head.environment(), stdout=subprocess.PIPE, text=True)
    try:
        if hog.stdout is None or hog.stdout.readline().strip() != "held":
            raise BenchmarkError("the CPUs of the Ray on loopback could not be held")
        yield
    finally:
        hog.kill()
        hog.wait()


def by_hand(command: Sequence[str | Path], folder: Path, demo: Path, budget_s: int) -> Ended:
    """A hand-written script, without judging or records."""
    filled = [str(part).format(folder=folder, budget=budget_s, out=demo / "by-hand") for part in command]
    with (demo / "said.txt").open("w") as said:
        began = time.time()
        process = subprocess.Popen(
            filled, cwd=demo, env=environment(), stdout=said, stderr=said, start_new_session=True, text=True
        )
    watched = Watched(process=process, began=began)
    gone = watched.wait(budget_s)
    left = alive(watched.below)
    for words in left:
        os.kill(int(words.partition(":")[0]), signal.SIGKILL)
    return Ended(
        late_s=gone - began - budget_s,
        shell=as_shell(process.returncode),
        recorded=None,
        judged=False,
        left=len(left),
        load=os.getloadavg()[0],
        said=(demo / "said.txt").read_text(),
    )


def modes_of(folder: Path) -> dict[str, Mode]:
    """Every way of running, by name."""
    tune = [sys.executable, HERE / "tune_by_hand.py", "{folder}", "function", "--seconds", "{budget}", "--epochs", "2",
            "--as-of", AS_OF]  # fmt: skip
    train = ["timeout", "{budget}", sys.executable, HERE / "ray_by_hand.py", "{folder}", "--as-of", AS_OF, "--epochs",
             "1000", "--out", "{out}"]  # fmt: skip
    return {
        "run, network": Mode(budget_s=25, run=partial(own_process, LONG)),
        "run, trees": Mode(
            budget_s=25, run=partial(own_process, {"model.kind": "lightgbm", "model.num_trees": 20_000})
        ),
        "run, own code that catches everything": Mode(budget_s=25, run=partial(own_process, OWN, waits=DEAF)),
        "run, own code that holds the interpreter": Mode(
            budget_s=25, run=partial(own_process, OWN, waits=HOLDS), killed=True
        ),
        "run, stopped (SIGSTOP)": Mode(budget_s=25, run=partial(own_process, LONG, stopped=True), killed=True),
        "run, no checkpoint in time": Mode(budget_s=20, run=partial(own_process, NO_END)),
        "sweep": Mode(budget_s=30, run=partial(own_process, SWEEP)),
        "stream": Mode(budget_s=30, run=partial(own_process, LONG | STREAM)),
        "two workers": Mode(budget_s=60, run=partial(own_process, LONG | TWO)),
        "two workers, own code that catches everything": Mode(
            budget_s=35, run=partial(own_process, OWN | TWO, waits=DEAF)
        ),
        "submitted": Mode(budget_s=45, run=partial(submitted, LONG)),
        "submitted, CPUs held by another job": Mode(
            budget_s=40, run=partial(submitted, LONG | {"resources.workers": 1}, queued=True)
        ),
        "notebook, network": Mode(budget_s=25, run=partial(notebook, LONG)),
        "notebook, no checkpoint in time": Mode(budget_s=20, run=partial(notebook, NO_END)),
        "notebook, own code that catches everything": Mode(budget_s=25, run=partial(notebook, OWN, waits=DEAF)),
        "notebook, own code that holds the interpreter": Mode(budget_s=25, run=partial(notebook, OWN, waits=HOLDS)),
        "by hand: Ray Tune, time_budget_s": Mode(budget_s=30, run=partial(by_hand, tune, folder), ours=False),
        "by hand: Ray Train in `timeout`": Mode(budget_s=30, run=partial(by_hand, train, folder), ours=False),
    }


def measure_modes(folder: Path, chosen: Mapping[str, Mode], repeats: int) -> Generator[dict[str, list[Ended]]]:
    """Each way in turn, in a folder of its own, hand-written ones once; yields all results after every round."""
    found: dict[str, list[Ended]] = {name: [] for name in chosen}
    for turn in range(repeats):
        for name in (name for name, mode in chosen.items() if mode.ours or not turn):
            found[name].append(once(name, folder, chosen[name]))
        yield found


def once(name: str, folder: Path, mode: Mode) -> Ended:
    place = Path(tempfile.mkdtemp(prefix="overshoot-"))
    try:
        one = mode.run(write_demo(place / "demo", folder / "data" / "flights"), mode.budget_s)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(
        f"  {name}: {one.late_s:+.2f} s for {mode.budget_s} s, shell {one.shell}, recorded {one.recorded}, "
        f"judged {one.judged}, left {one.left}, load {one.load:.1f}",
        file=sys.stderr,
        flush=True,
    )
    if not as_promised(mode, one):
        print("    " + "\n    ".join(one.said.strip().splitlines()[-12:]), file=sys.stderr, flush=True)
    return one


def as_promised(mode: Mode, one: Ended) -> bool:
    """On time, with nothing left running, and with the recorded exit code, or 137 if it could not report any."""
    if not mode.ours:
        return True
    code = one.recorded == EXIT_SPENT and one.shell == KILLED if mode.killed else one.shell == one.recorded
    return code and not one.left and one.late_s <= HARD_S


def measure_busy(folder: Path, number: int) -> dict[str, list[Ended]]:
    """Runs that end without a candidate, of five kinds, while other processes keep every CPU busy."""
    kinds = {
        "no checkpoint in time": partial(own_process, NO_END),
        "own code that catches everything": partial(own_process, OWN, waits=DEAF),
        "two workers, no checkpoint in time": partial(own_process, NO_END | TWO),
        "stream, no checkpoint in time": partial(own_process, NO_END | STREAM),
        "sweep, no trial ended": partial(own_process, NO_END | SWEEP),
    }
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    found: dict[str, list[Ended]] = {kind: [] for kind in kinds}
    try:
        for turn in range(number):
            kind = tuple(kinds)[turn % len(kinds)]
            found[kind].append(once(f"busy, {kind}", folder, Mode(budget_s=BUSY_BUDGET_S, run=kinds[kind])))
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    return found


def rows_of(found: Mapping[str, list[Ended]], budgets: Mapping[str, int]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            str(budgets[name]),
            ", ".join(f"{one.late_s:+.2f}" for one in every),
            seen(one.shell for one in every),
            seen(one.recorded for one in every),
            f"{sum(one.judged for one in every)} of {len(every)}",
            str(max(one.left for one in every)),
            f"{max(one.load for one in every):.1f}",
        )
        for name, every in found.items()
    ]


def seen(values: Any) -> str:
    """Each value once, in order; "-" for none."""
    return ", ".join(dict.fromkeys("-" if value is None else str(value) for value in values))


KILLED_NOTE = (
    "A process that was stopped or whose code holds the interpreter is killed from outside: a shell sees 137, the "
    "record says 4."
)
HEAD = ("", "budget, s", "late, s", "shell", "recorded", "judged", "left running", "load then")


def report(
    header: Mapping[str, str],
    modes: Mapping[str, Mode],
    found: Mapping[str, list[Ended]],
    busy: Mapping[str, list[Ended]],
    *,
    quick: bool,
) -> str:
    parts = ["# By how much does a run outlast its budget?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    ours = [(modes[name], one) for name, every in found.items() if modes[name].ours for one in every]
    shells = [one for every in busy.values() for one in every]
    judged: list[Target] = []
    if ours:
        judged += [
            Target(
                name="latest end after the budget, any way",
                found=max(one.late_s for _, one in ours),
                high=HARD_S,
                unit="s",
            ),
            Target(
                name="ends with another code than was promised, or with something left running",
                found=sum(not as_promised(mode, replace_late(one)) for mode, one in ours),
                high=0,
                unit="runs",
            ),
        ]
    if shells:
        four = sum(one.shell == one.recorded == EXIT_SPENT for one in shells)
        judged.append(
            Target(
                name=f"4 in the shell and in the record, of {len(shells)} on a busy machine",
                found=four,
                low=len(shells),
                unit="runs",
            )
        )
    parts += [
        "",
        "Late is seconds after the budget; each repeat is shown.",
        "",
        "## Targets",
        "",
        table(("figure", "found", "target", ""), [one.row() for one in judged]),
    ]
    if found:
        budgets = {name: mode.budget_s for name, mode in modes.items()}
        parts += ["", "## Every way of running", "", table(HEAD, rows_of(found, budgets)), "", KILLED_NOTE]
    if busy:
        budgets = dict.fromkeys(busy, BUSY_BUDGET_S)
        parts += ["", "## Beside two processes that keep the CPUs busy", "", table(HEAD, rows_of(busy, budgets))]
    return "\n".join(parts) + "\n"


def replace_late(one: Ended) -> Ended:
    """The same end as if it were on time, to see whether anything else is wrong."""
    return Ended(late_s=0.0, shell=one.shell, recorded=one.recorded, judged=one.judged, left=one.left, load=one.load)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds data/flights/*.parquet")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--modes", nargs="+", help="only ways whose name has one of these words in it")
    parser.add_argument("--quick", action="store_true", help="one way, once: does it run at all? writes no report")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    options = parser.parse_args()
    folder, began = options.folder.absolute(), datetime.now(UTC)
    if not list((folder / "data" / "flights").glob("*.parquet")):
        print(
            "overshoot: no data/flights/*.parquet in DIR: `raytemplate init DIR --example flights` first.",
            file=sys.stderr,
        )
        return 1
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(),
              "command": f"overshoot.py DIR --repeats {options.repeats} --only {' '.join(options.only)}"}  # fmt: skip
    header["versions"] = ", ".join(f"{name} {found}" for name, found in versions().items())
    every = modes_of(folder)
    words = ["run, no checkpoint"] if options.quick else options.modes or [""]
    chosen = {name: mode for name, mode in every.items() if any(word in name for word in words)}
    whole = not options.quick and not options.modes
    part = "" if len(options.only) == len(PARTS) else f"_{options.only[0]}"
    path = options.results / f"overshoot{part}_{header['cores']}cores_{began:%Y%m}.md" if whole else None
    found: dict[str, list[Ended]] = {}
    busy: dict[str, list[Ended]] = {}
    try:
        if "modes" in options.only:
            for found in measure_modes(folder, chosen, 1 if options.quick else options.repeats):
                write_report(report(header, every, found, busy, quick=options.quick), path)
        if "busy" in options.only and not options.quick:
            busy = measure_busy(folder, BUSY_RUNS)
            write_report(report(header, every, found, busy, quick=options.quick), path)
    except BenchmarkError as error:
        print(f"overshoot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
