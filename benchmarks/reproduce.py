"""Is a run made again from its records the same model? Twenty runs over families, features and sweeps.

    raytemplate init DIR --example flights
    python benchmarks/reproduce.py DIR [--cases 1 10 20] [--only network trees] [--found FILE] [--list] [--quick]

Each run has a workspace of its own. What training has left but the records do not need (checkpoints, trials) is removed
before `raytemplate reproduce`. Rows are in memory and this machine has no GPU, so weights must be equal bit for bit.
With `--found`, runs can be made one by one: what is in the file is not run again, and the report is written once all
are in it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import Target, machine, table, versions, write_report

NUMBER, LATE, SWEEP = "flights-air-time.yaml", "flights-late.yaml", "flights-air-time-sweep.yaml"
AS_OF = ("2013-06-01", "2013-07-01")
SMALL = {"data.windows.train": "60d", "budget.time": "5m"}
SEARCH = {
    "tuning.space": {"training.lr": "loguniform(1e-3, 1e-1)"},
    "tuning.warm_start": False,
    "budget.trials": 6,
    "training.epochs": 6,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run to make again."""

    name: str
    template: str = NUMBER
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    months: int = 1
    """Months to retrain; the last is made again."""


CASES = (
    Case(name="network", changes={"training.epochs": 5}),
    Case(name="network, cosine, early stopping", changes={
        "training.epochs": 12, "training.lr_schedule": "cosine", "training.early_stopping": 2}),
    Case(name="network, bfloat16", changes={"training.epochs": 3, "training.precision": "bfloat16"}),
    Case(name="network, ended by its budget", changes={"training.epochs": 20000, "budget.time": "40s"}),
    Case(name="network, two workers", changes={"training.epochs": 3, "resources.workers": 2}),
    Case(name="network, from the champion", months=2, changes={
        "training.epochs": 3, "training.warm_start": "champion"}),
    Case(name="network, target means", changes={
        "training.epochs": 3, "features.columns.dest.kind": "target-mean"}),
    Case(name="network, hashing", changes={"training.epochs": 3, "features.columns.dest.kind": "hashing"}),
    Case(name="network, two classes", template=LATE, changes={
        "model": {"kind": "tabular-mlp"}, "training": {"epochs": 3}}),
    Case(name="lightgbm", changes={"model": {"kind": "lightgbm", "num_trees": 60}, "training": {"lr": 0.1}}),
    Case(name="lightgbm, early stopping", changes={
        "model": {"kind": "lightgbm", "num_trees": 300}, "training": {"lr": 0.3, "early_stopping": 20}}),
    Case(name="lightgbm, two workers", changes={
        "model": {"kind": "lightgbm", "num_trees": 40}, "training": {"lr": 0.1}, "resources.workers": 2}),
    Case(name="lightgbm, two classes", template=LATE, changes={"model.num_trees": 60}),
    Case(name="xgboost", changes={"model": {"kind": "xgboost", "num_trees": 60}, "training": {"lr": 0.1}}),
    Case(name="xgboost, two classes", template=LATE, changes={"model": {"kind": "xgboost", "num_trees": 60}}),
    Case(name="linear", changes={"model": {"kind": "linear"}, "training": {"loss": "mae"}}),
    Case(name="linear, two classes", template=LATE, changes={"model": {"kind": "linear"}, "training": {}}),
    Case(name="sweep", changes=SEARCH),
    Case(name="sweep, the winning trial", changes=SEARCH | {"tuning.refit": False}),
    Case(name="sweep over features", changes=SEARCH | {
        "tuning.space": {"features.columns.dest.kind": "choice(target-mean, hashing)"}}),
)  # fmt: skip


def measure(case: Case, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Run a case and make it again; what came of it."""
    workspace = Path(tempfile.mkdtemp(prefix="reproduce-"))
    sets = SMALL | case.changes | ({"data.windows.train": "20d"} if quick else {})
    asked = [part for key, value in sets.items() for part in ("--set", f"{key}={_text(value)}")]
    began = time.monotonic()
    for as_of in AS_OF[: case.months]:
        ran = _raytemplate(folder, "run", case.template, "--as-of", as_of, *asked, "--workspace", str(workspace))
        if ran.returncode not in (0, 5):
            return {"case": case.name, "problem": ran.stderr.strip()[-300:]}
    ran_s = time.monotonic() - began
    for left in (*workspace.glob(".raytemplate/runs/*/checkpoints"), *workspace.glob(".raytemplate/runs/*/trials")):
        shutil.rmtree(left)
    again = _raytemplate(folder, "reproduce", "last", "--json", "--workspace", str(workspace))
    shutil.rmtree(workspace)
    if not again.stdout:
        return {"case": case.name, "problem": again.stderr.strip()[-300:]}
    return {"case": case.name, "ran_s": ran_s / case.months, "problem": "", **json.loads(again.stdout)["reproduction"]}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _raytemplate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "raytemplate")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def report(found: list[dict[str, Any]], header: dict[str, str], *, quick: bool) -> str:
    """The report as Markdown."""
    made = [one for one in found if not one["problem"]]
    same = [one for one in made if one["weights_recorded"] == one["weights_again"]]
    furthest = max(
        (abs(m["again"] - m["recorded"]) / abs(m["recorded"]) for one in made for m in one["metrics"]), default=0.0
    )
    targets = [
        Target(name="equal bit for bit", found=float(len(same)), low=float(len(found)), unit=f"of {len(found)}"),
        Target(name="furthest metric, share of its value", found=furthest, high=0.0, unit=""),
    ]
    rows = [
        (one["case"], f"{one['ran_s']:.1f}", f"{one['wall_clock_s']:.1f}", "yes" if one in same else "no")
        if not one["problem"]
        else (one["case"], "", "", one["problem"].replace("\n", " "))
        for one in found
    ]
    parts = ["# Is a run that was made again the same?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    parts += ["", "## Targets", "", table(("figure", "found", "target", ""), [one.row() for one in targets])]
    parts += ["", "Seconds of the whole command that ran, and of training, scoring and comparing again.", ""]
    parts += [table(("run", "run, s", "again, s", "equal bit for bit"), rows)]
    return "\n".join(parts) + "\n"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the templates of `init --example flights` and their data")
    parser.add_argument("--only", nargs="+", help="only runs whose name has one of these words in it")
    parser.add_argument("--cases", nargs="+", type=int, metavar="N", help="only runs with these numbers; see --list")
    parser.add_argument("--found", type=Path, help="a line of JSON for each run; runs that are in it are not run again")
    parser.add_argument("--list", action="store_true", help="print the runs with their numbers")
    parser.add_argument("--quick", action="store_true", help="one run, on few rows: does it run at all?")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def main() -> int:
    """Measure, then print and write the report; 1 if a run was not the same."""
    options, began = parse(), datetime.now(UTC)
    if options.list:
        print(*(f"{number:>2}  {case.name}" for number, case in enumerate(CASES, 1)), sep="\n")
        return 0
    found = earlier(options.found)
    cases = chosen(options)
    for case in cases[:1] if options.quick else cases:
        if case.name in found:
            continue
        one = found[case.name] = measure(case, options.folder, quick=options.quick)
        print(case.name, one["problem"] or one["weights_again"][:12], file=sys.stderr, flush=True)
        if options.found:
            with options.found.open("a") as file:
                file.write(json.dumps(one) + "\n")
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": "python benchmarks/reproduce.py DIR"}
    header["versions"] = ", ".join(f"{name} {version}" for name, version in versions().items())
    made = [found[case.name] for case in CASES if case.name in found]
    path = options.results / f"reproduce_{header['cores']}cores_{began:%Y%m}.md"
    write_report(report(made, header, quick=options.quick), None if options.quick or len(made) < len(CASES) else path)
    return 0 if all(not one["problem"] and one["weights_recorded"] == one["weights_again"] for one in made) else 1


def chosen(options: argparse.Namespace) -> list[Case]:
    """The runs that are asked for."""
    return [
        case
        for number, case in enumerate(CASES, 1)
        if (not options.cases or number in options.cases)
        and (not options.only or any(word in case.name for word in options.only))
    ]


def earlier(path: Path | None) -> dict[str, dict[str, Any]]:
    """Name of a run -> what came of it, from a file that an earlier call has written."""
    lines = path.read_text().splitlines() if path and path.exists() else []
    return {one["case"]: one for one in map(json.loads, lines)}


if __name__ == "__main__":
    sys.exit(main())
