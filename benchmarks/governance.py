"""What does the ledger cost: to append an event, and to verify 100,000?

    python benchmarks/governance.py [--events 100000] [--appends 500] [--out FILE] [--quick]

Keys and checkpoints go to a temporary folder. An append is one transaction on an open connection: keys and
last event are checked, the new one is signed, written and synced. A promotion also opens the file and reads its model's
whole history.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import Target, machine, table, versions, write_report

from raytemplate.ledger import chain, keys
from raytemplate.ledger.bodies import Grounds, Waiting
from raytemplate.ledger.database import writing
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.outside import keep_checkpoint
from raytemplate.ledger.signing import Signer
from raytemplate.records.judged import Actor

MODEL, ACTOR = "flights-air-time", Actor(name="ada", automatic=True)
GROUNDS = Grounds(plan="81be07", snapshot="5be1" * 16, evaluation_sha256="e7a1" * 16)
MOMENT = datetime(2026, 12, 1, tzinfo=UTC)
NUM_PROMOTIONS = 100


def waiting(number: int) -> Waiting:
    """A body of usual size."""
    return Waiting(
        term=0,
        version=number,
        digest=f"{number:064d}",
        run_id="k7q2ab",
        seen_until=MOMENT,
        actor=ACTOR,
        grounds=GROUNDS,
    )


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def begin(path: Path) -> Signer:
    """A ledger with its key and one event."""
    signer = keys.promoter()
    with writing(path) as db:
        chain.append(db, f"{MODEL}-0", waiting(1), idem="0", at=MOMENT, signer=signer)
    return signer


def append(path: Path, number: int) -> list[float]:
    """Seconds of each of these appends, one transaction each, on an open connection."""
    signer, found = begin(path), list[float]()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=FULL")
        for index in range(1, number + 1):
            began = time.perf_counter()
            db.execute("BEGIN IMMEDIATE")
            chain.append(db, f"{MODEL}-{index}", waiting(1), idem=str(index), at=MOMENT, signer=signer)
            db.execute("COMMIT")
            found.append(time.perf_counter() - began)
    return found


def fill(path: Path, number: int) -> None:
    """A ledger of this many events, of fifty models; without the checks of every append."""
    signer = begin(path)
    with writing(path) as db:
        last = chain.last(db)
        for index in range(1, number - 1):
            last = chain._insert(  # pyright: ignore[reportPrivateUsage]
                db, last, f"{MODEL}-{index % 50}", waiting(1 + index // 50), str(index), MOMENT, signer
            )


def measure(folder: Path, num_events: int, num_appends: int) -> list[Target]:
    """All figures."""
    appends = append(folder / "governance.db", num_appends)
    promoted = Ledger(folder / "promoted.db")
    promotions = [
        seconds(lambda each=each: promoted.promote(MODEL, str(each), "k7q2ab", MOMENT, each, ACTOR, GROUNDS))
        for each in range(NUM_PROMOTIONS)
    ]
    checkpoint = seconds(lambda: keep_checkpoint(promoted))
    large = Ledger(folder / "large.db")
    fill(large.path, num_events)
    whole = seconds(lambda: large.examine())
    assert len(large.events()) == num_events
    print(f"{large.path.stat().st_size / 1e6:.0f} MB", file=sys.stderr)
    return [
        Target(name=f"append, median of {num_appends}", found=1e3 * statistics.median(appends), high=2, unit="ms"),
        Target(name=f"verify {num_events:,} events", found=whole, high=10, unit="s"),
        Target(
            name=f"promotion, median of {NUM_PROMOTIONS} of one model",
            found=1e3 * statistics.median(promotions),
            high=50,
            unit="ms",
        ),
        Target(name="checkpoint", found=1e3 * checkpoint, high=50, unit="ms"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--appends", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="1,000 events: does it run at all?")
    parser.add_argument("--out", type=Path, default=None, help="where the report is written")
    options = parser.parse_args()
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory(dir=HERE) as folder:  # on a disk, unlike the temporary folders of some machines
        os.environ |= {"XDG_CONFIG_HOME": f"{folder}/config", "XDG_STATE_HOME": f"{folder}/state"}
        found = measure(Path(folder), 1000 if options.quick else options.events, options.appends)
    facts = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": " ".join(["governance.py", *sys.argv[1:]]),
             "versions": ", ".join(f"{name} {number}" for name, number in versions().items())}  # fmt: skip
    rows = [target.row() for target in found]
    head = [f"- {name}: {value}" for name, value in facts.items()]
    text = ["# What does the ledger cost?", "", *head, "", table(("figure", "found", "target", ""), rows), ""]
    write_report("\n".join(text), options.out)
    return 0 if all(row[-1] == "met" for row in rows) or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
