"""What do the raw profile, the contract and the labels that a run keeps cost it?

    raytemplate init DIR --example flights
    python benchmarks/data_kept.py DIR [--repeats 7] [--copies 1] [--quick]

The second month of the same job runs three ways in turn, each after a first month of its own, so that labels are
compared with the champion's: with nothing of this, with profile and contract, and with labels too. What is left out is
replaced by a function that does nothing, in the process of the run. Training is one epoch, so that shares are not those
of a long training.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import Target, Timed, interleave, machine, median, run_process, spread, table, versions, write_report
from reuse import flights

FILE, MONTHS = "flights-air-time.yaml", ("2013-06-01", "2013-07-01")
RUN, LABELS = 1.05, 1.0
NOTHING, KEPT, ALL = "nothing kept", "profile and contract", "labels too"
WAYS = {NOTHING: "profile_of,labels_of_windows", KEPT: "labels_of_windows", ALL: ""}
"""Way -> functions of ingest that do nothing."""
CONTRACT = {
    "contract.columns.distance": '{"type": "number", "nullable": false, "min": 0}',
    "contract.columns.carrier": '{"type": "text", "max_missing": "5 %"}',
    "contract.columns.wind_speed": '{"type": "number", "min": 0, "on_breach": "warn"}',
    "contract.rows": '[{"rule": "wind_speed <= 120", "on_breach": "warn"}]',
    "contract.unique": '{"rule": ["time_hour", "carrier", "flight", "origin"], "on_breach": "warn"}',
}
GATES = {
    "governance.gates.metric-limit": '{"mae": 1000}',
    "governance.gates.slice-limit": '{"by": "carrier", "mae": 1000, "min_rows": 500}',
    "governance.gates.beats-baseline": '{"min_gain": -1000}',
}
"""With them the first month has a champion whatever it has learnt."""
_WITHOUT = """
import sys
from raytemplate.cli.main import main
from raytemplate.engines.ray.data import ingest
for name in filter(None, sys.argv.pop(1).split(",")):
    assert hasattr(ingest, name), name
    setattr(ingest, name, lambda *_: None)
main()
"""


def second_month(folder: Path, way: str) -> Timed:
    """The second of two runs in a new workspace; its ingest is among the facts."""
    workspace = Path(tempfile.mkdtemp(prefix="data-kept-"))
    sets = {"training.epochs": "1", **GATES, **({} if way == NOTHING else CONTRACT)}
    asked = [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-c", _WITHOUT, WAYS[way], "run", str(folder / FILE), "--no-reuse", *asked]
    command += ["--workspace", str(workspace)]
    try:
        run_process([*command, "--as-of", MONTHS[0]], expect=(0, 5))
        timed, _ = run_process([*command, "--as-of", MONTHS[1]], expect=(0, 5))
        ends = sorted(workspace.glob(".raytemplate/runs/*/end.json"), key=os.path.getmtime)
        found = [(ends[-1].parent / name).is_file() for name in ("raw-profile.json", "label-changes.json")]
        assert found == [way != NOTHING, way == ALL], "what is measured is not what was asked for"
        seconds = {one["stage"]: one["actual_s"] for one in json.loads(ends[-1].read_text())["timings"]}
    finally:
        shutil.rmtree(workspace)
    return Timed(
        wall_clock_s=timed.wall_clock_s, peak_rss_mb=timed.peak_rss_mb, facts={"ingest_s": float(seconds["ingest"])}
    )


def report(header: dict[str, str], found: dict[str, list[Timed]], *, quick: bool) -> str:
    """The report as Markdown."""
    nothing, kept, all_ = (median(found[way]) or 1.0 for way in WAYS)
    limits = [
        Target(name="run with profile and contract / without", found=kept / nothing, high=RUN),
        Target(name="labels, share of the run", found=100 * (all_ / kept - 1), high=LABELS, unit="%"),
    ]
    rows = [(way, spread(timed, digits=2), spread(timed, "ingest_s", digits=2)) for way, timed in found.items()]
    parts = ["# What do profile, contract and labels cost a run?", ""]
    parts += ["**A smoke run (`--quick`): the figures mean nothing.**", ""] if quick else []
    parts += [f"- {name}: {value}" for name, value in header.items()]
    parts += ["", "## Targets", "", table(("figure", "found", "target", ""), [limit.row() for limit in limits])]
    parts += ["", "Median (min..max).", "", table(("second month", "whole process, s", "its ingest, s"), rows)]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Measure, then print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--copies", type=int, default=1, help="how often each row of the example is there")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--quick", action="store_true", help="once: does it run at all?")
    options, began = parser.parse_args(), datetime.now(UTC)
    repeats = 1 if options.quick else options.repeats
    header = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine()}
    header["command"] = f"python benchmarks/data_kept.py DIR --repeats {repeats} --copies {options.copies}"
    header["versions"] = ", ".join(f"{name} {version}" for name, version in versions().items())
    with tempfile.TemporaryDirectory(prefix="data-kept-") as place:
        flights(options.folder, Path(place) / "flights", options.copies)
        doors = {way: lambda way=way: second_month(Path(place) / "flights", way) for way in WAYS}
        found = interleave(doors, dict.fromkeys(doors, repeats), warm_up=not options.quick)
    path = options.results / f"data_kept_{header['cores']}cores_{began:%Y%m}.md"
    write_report(report(header, found, quick=options.quick), None if options.quick else path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
