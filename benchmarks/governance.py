"""What does the ledger cost, and does it hold: appends, 100,000 events, 8 promoters that race, 1,000 that are killed?

    python benchmarks/governance.py [--kind sqlite postgres] [--events 100000] [--appends 500] [--terms 200]
        [--kills 1000] [--runs FOLDER] [--out FILE] [--quick]

With the folder of a workspace, each of its judged runs is judged again from its records, with its gates and waivers.
Keys and checkpoints go to a temporary folder. An append is one transaction on an open connection: keys and last event
are checked, the new one is signed, written and synced. A promotion also opens the file, or connects, and reads its
model's whole history. PostgreSQL is a server of its own on loopback, that syncs.

Races and kills are those of the tests (tests/promoters.py): a race counts its winners and is checked for
linearizability; after each kill the head is the old or the new one, and what was acknowledged is there. 0 of anything
skips it.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from one_machine import Target, machine, table, versions, write_report
from postgres_ledgers import new_ledger
from postgres_server import postgres_server
from promoters import is_linearizable, killed_at_random, race

from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.requests import foresee
from raytemplate.history.run_list import list_runs
from raytemplate.ledger import chain, keys
from raytemplate.ledger.bodies import Grounds, Waiting
from raytemplate.ledger.database import Database, Transaction, writing
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.ledger.outside import keep_checkpoint
from raytemplate.ledger.postgres import _BEGIN, InDatabase, Postgres, _engine  # pyright: ignore[reportPrivateUsage]
from raytemplate.ledger.signing import Signer
from raytemplate.ledger.sqlite import InFile
from raytemplate.records.judged import Actor, VerdictRecord
from raytemplate.store.workspace import Workspace

MODEL, ACTOR = "flights-air-time", Actor(name="ada", automatic=True)
GROUNDS = Grounds(plan="81be07", snapshot="5be1" * 16, evaluation_sha256="e7a1" * 16)
MOMENT = datetime(2026, 12, 1, tzinfo=UTC)
NUM_PROMOTIONS, NUM_PROMOTERS, KILLS_A_LEDGER = 100, 8, 50


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


def begin(database: Path | Database) -> Signer:
    """A ledger with its key and one event."""
    signer = keys.promoter()
    with writing(database) as db:
        chain.append(db, f"{MODEL}-0", waiting(1), idem="0", at=datetime.now(UTC), signer=signer)
    return signer


@contextmanager
def opened(database: Path | Database) -> Iterator[tuple[Transaction, Callable[[], object], Callable[[], object]]]:
    """An open connection, and what begins and ends a transaction of it."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, isolation_level=None)) as file:
            file.execute("PRAGMA synchronous=FULL")
            yield InFile(file), lambda: file.execute("BEGIN IMMEDIATE"), lambda: file.execute("COMMIT")
        return
    assert isinstance(database, Postgres)
    schema = database.schema
    with _engine(database.url).connect() as connection:
        db = InDatabase(connection, database)

        def begin_it() -> None:
            db.execute(_BEGIN, (schema, schema))
            db.execute("SELECT pg_advisory_xact_lock(1918989413, hashtext(?))", (schema,))

        yield db, begin_it, db.commit


def append(database: Path | Database, number: int) -> list[float]:
    """Seconds of each of these appends, one transaction each, on an open connection."""
    signer, found = begin(database), list[float]()
    with opened(database) as (db, begin_it, end_it):
        for index in range(1, number + 1):
            began = time.perf_counter()
            begin_it()
            chain.append(db, f"{MODEL}-{index}", waiting(1), idem=str(index), at=datetime.now(UTC), signer=signer)
            end_it()
            found.append(time.perf_counter() - began)
    return found


def fill(database: Path | Database, number: int) -> None:
    """A ledger of this many events, of fifty models; without the checks of every append."""
    signer = begin(database)
    with writing(database) as db:
        last = chain.last(db)
        for index in range(1, number - 1):
            last = chain._insert(  # pyright: ignore[reportPrivateUsage]
                db, last, f"{MODEL}-{index % 50}", waiting(1 + index // 50), str(index), MOMENT, signer
            )


def costs(new: Callable[[], Path | Database], kind: str, num_events: int, num_appends: int) -> Iterator[Target]:
    """Appends, promotions, checkpoints and a whole ledger."""
    if num_appends:
        appends = append(new(), num_appends)
        median = 1e3 * statistics.median(appends)
        yield Target(name=f"{kind}: append, median of {num_appends}", found=median, high=2, unit="ms")
        ledger = Ledger(new())
        promotions = [
            seconds(lambda each=each: ledger.promote(MODEL, str(each), "k7q2ab", MOMENT, each, ACTOR, GROUNDS))
            for each in range(NUM_PROMOTIONS)
        ]
        name = f"{kind}: promotion, median of {NUM_PROMOTIONS} of one model"
        yield Target(name=name, found=1e3 * statistics.median(promotions), high=50, unit="ms")
        yield Target(
            name=f"{kind}: checkpoint", found=1e3 * seconds(lambda: keep_checkpoint(ledger)), high=50, unit="ms"
        )
    if num_events:
        large = Ledger(new())
        fill(large.database, num_events)
        found: list[chain.Examined] = []
        whole = seconds(lambda: found.append(large.examine()))
        assert (len(found[0].events), found[0].faults) == (num_events, ())
        yield Target(name=f"{kind}: verify {num_events:,} events", found=whole, high=10, unit="s")


def holds(new: Callable[[], Path | Database], kind: str, num_terms: int, num_kills: int) -> Iterator[Target]:
    """Promoters that race, and promoters that are killed."""
    if num_terms:
        database = new()
        work = [(database, who, num_terms) for who in range(NUM_PROMOTERS)]
        with multiprocessing.get_context("spawn").Pool(NUM_PROMOTERS) as pool:
            began = time.perf_counter()
            asked = [each for of_one in pool.starmap(race, work, chunksize=1) for each in of_one]
            took = time.perf_counter() - began
        outcomes = [each.outcome for each in asked if each.kind == "promote"]
        print(f"{kind}: {outcomes.count('fail')} lost a race, {outcomes.count('info')} unknown, {took:.0f} s")
        assert not Ledger(database).faults()
        what = f"{kind}: {NUM_PROMOTERS} promoters, {num_terms} terms"
        won = sorted(each.term for each in asked if (each.kind, each.outcome) == ("promote", "ok"))
        twice = len(won) - len(set(won)) + len({*range(1, num_terms + 1)} ^ set(won))
        yield Target(name=f"{what}: terms without exactly one winner", found=twice, high=0, unit="terms")
        wrong = 0 if is_linearizable(asked) else 1
        yield Target(name=f"{what}: {len(asked)} answers that no order explains", found=wrong, high=0, unit="")
    if num_kills:
        chance, torn = random.Random(7), 0
        for first in range(0, num_kills, KILLS_A_LEDGER):
            database = new()
            for _ in range(min(KILLS_A_LEDGER, num_kills - first)):
                try:
                    killed_at_random(database, chance, within_s=0.05)
                except Exception as error:  # counted, whatever it is
                    print(f"{kind}: {error}", file=sys.stderr)
                    torn += 1
            torn += len(Ledger(database).faults())
        name = f"{kind}: {num_kills:,} kills: chains or heads that were not whole"
        yield Target(name=name, found=torn, high=0, unit="")


def verdicts(folder: Path) -> Iterator[Target]:
    """A verdict from the records of a run: read, decoded, with the ledger's head and waivers, and every gate."""
    workspace = Workspace(folder)
    ledger, found = open_ledger(workspace), list[float]()
    for run in list_runs(workspace):
        if run.journal.read(VerdictRecord) is not None:
            for _ in range(20):
                journal = Journal(run.folder)
                found.append(seconds(lambda journal=journal: foresee(journal, read_lock(journal).plan, ledger, ACTOR)))
    name = f"verdict from records, median of {len(found)}"
    yield Target(name=name, found=1e3 * statistics.median(found), high=100, unit="ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--appends", type=int, default=500)
    parser.add_argument("--terms", type=int, default=200)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--kind", nargs="+", choices=("sqlite", "postgres"), default=["sqlite", "postgres"])
    parser.add_argument("--runs", type=Path, default=None, help="a workspace whose judged runs are judged again")
    parser.add_argument("--quick", action="store_true", help="1,000 events, 5 terms, 10 kills: does it run at all?")
    parser.add_argument("--out", type=Path, default=None, help="where the report is written")
    options = parser.parse_args()
    if options.quick:
        options.events, options.appends, options.terms, options.kills = 1000, 50, 5, 10
    began, found = datetime.now(UTC), list[Target]()
    with ExitStack() as stack:
        # On a disk, unlike the temporary folders of some machines.
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=HERE))
        os.environ |= {"XDG_CONFIG_HOME": f"{folder}/config", "XDG_STATE_HOME": f"{folder}/state"}
        if options.runs:
            found += verdicts(options.runs.resolve())
        numbers = itertools.count()
        for kind in options.kind:
            if kind == "sqlite":
                new: Callable[[], Path | Database] = lambda: Path(folder, f"{next(numbers)}.db")  # noqa: E731
            else:
                admin = stack.enter_context(postgres_server(syncs=True))
                new = lambda admin=admin: new_ledger(admin)  # noqa: E731
            cost = costs(new, kind, options.events, options.appends)
            for target in itertools.chain(cost, holds(new, kind, options.terms, options.kills)):
                print(*target.row(), file=sys.stderr, flush=True)
                found.append(target)
    facts = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": " ".join(["governance.py", *sys.argv[1:]]),
             "versions": ", ".join(f"{name} {number}" for name, number in versions().items())}  # fmt: skip
    rows = [target.row() for target in found]
    head = [f"- {name}: {value}" for name, value in facts.items()]
    text = [
        "# What does the ledger cost, and does it hold?",
        "",
        *head,
        "",
        table(("figure", "found", "target", ""), rows),
        "",
    ]
    write_report("\n".join(text), options.out)
    return 0 if all(row[-1] == "met" for row in rows) or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
