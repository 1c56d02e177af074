"""Several processes at once, and processes that are killed."""

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytemplate.errors import ChampionMoved
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.database import Database
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor

GROUNDS = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
START = datetime(2013, 6, 1, tzinfo=UTC)
MODEL = "flights"
NUM_PROCESSES = 8
NUM_TERMS = 20
NUM_KILLS = 20

PROMOTER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor
ann, grounds = Actor(name="ann"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
ledger = Ledger(Path(sys.argv[1]))
while True:
    term = ledger.history("flights").term
    head = ledger.promote("flights", f"d{term}", f"r{term}", datetime(2013, 6, 1, tzinfo=UTC), term, ann, grounds).head
    print(head.term, flush=True)
    if term % 5 == 4:
        print(ledger.rollback("flights", ann).head.term, flush=True)
"""


def race(database: Path | Database, who: int, num_terms: int) -> list[int]:
    """The terms in which this process won."""
    ledger, won = Ledger(database), list[int]()
    for term in range(num_terms):
        while ledger.history(MODEL).term < term:
            time.sleep(0.001 if isinstance(database, Path) else 0.05)  # a look at PostgreSQL is a new connection
        try:
            ledger.promote(MODEL, f"{who}-{term}", f"run-{who}", START, term, Actor(name=f"process {who}"), GROUNDS)
        except ChampionMoved:
            continue
        won.append(term)
    return won


def first_use(path: Path, who: int, start_at: float) -> int:
    time.sleep(max(0.0, start_at - time.time()))
    return Ledger(path).promote(f"model-{who}", "a", "run", START, 0, Actor(name="ann"), GROUNDS).head.version


def test_promote_by_8_processes_has_one_winner_a_term(database: Path | Database) -> None:
    num_terms = NUM_TERMS if isinstance(database, Path) else NUM_TERMS // 4
    with multiprocessing.get_context("spawn").Pool(NUM_PROCESSES) as pool:
        won = pool.starmap(race, [(database, who, num_terms) for who in range(NUM_PROCESSES)], chunksize=1)
    assert sorted(term for terms in won for term in terms) == list(range(num_terms))
    ledger = Ledger(database)
    assert ledger.faults() == ()
    assert ledger.history(MODEL).term == len(ledger.events(MODEL)) == len(ledger.history(MODEL).versions) == num_terms
    assert len(ledger.events()) == 1 + num_terms  # one key, added once


def test_first_use_by_8_processes_at_once_makes_one_whole_ledger(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}" / "governance.db" for number in range(3)]
    with multiprocessing.get_context("spawn").Pool(NUM_PROCESSES) as pool:
        pool.starmap(first_use, [(tmp_path / "warm.db", who, 0.0) for who in range(NUM_PROCESSES)], chunksize=1)
        for path in paths:
            path.parent.mkdir()
            work = [(path, who, time.time() + 0.1) for who in range(NUM_PROCESSES)]
            assert pool.starmap(first_use, work, chunksize=1) == [1] * NUM_PROCESSES
    for path in paths:
        assert Ledger(path).faults() == ()
        assert len(Ledger(path).models()) == NUM_PROCESSES
        assert sorted(os.listdir(path.parent)) == ["governance.db", "governance.db.lock"]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_promote_when_killed_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, chance = tmp_path / "governance.db", random.Random(7)
    for _ in range(NUM_KILLS):
        process = subprocess.Popen([sys.executable, "-c", PROMOTER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged = int((first + rest).split()[-1])
        ledger = Ledger(path)
        assert ledger.faults() == ()
        assert acknowledged <= ledger.history(MODEL).term <= acknowledged + 1
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
