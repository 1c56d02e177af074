"""Several processes at once, and processes that are killed."""

import multiprocessing
import os
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from promoters import GROUNDS, MODEL, Asked, is_linearizable, killed_at_random, race

from raytemplate.ledger.database import Database
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor

START = datetime(2013, 6, 1, tzinfo=UTC)
NUM_PROCESSES = 8
NUM_TERMS = 20
NUM_KILLS = 50


def first_use(path: Path, who: int, start_at: float) -> int:
    time.sleep(max(0.0, start_at - time.time()))
    return Ledger(path).promote(f"model-{who}", "a", "run", START, 0, Actor(name="ann"), GROUNDS).head.version


def test_promote_by_8_processes_has_one_winner_a_term(database: Path | Database) -> None:
    num_terms = NUM_TERMS if isinstance(database, Path) else NUM_TERMS // 4  # each look at PostgreSQL connects anew
    with multiprocessing.get_context("spawn").Pool(NUM_PROCESSES) as pool:
        asked = pool.starmap(race, [(database, who, num_terms) for who in range(NUM_PROCESSES)], chunksize=1)
    history = [each for of_one in asked for each in of_one]
    assert sorted(each.term for each in history if (each.kind, each.outcome) == ("promote", "ok")) == [
        *range(1, num_terms + 1)
    ]
    assert is_linearizable(history)
    ledger = Ledger(database)
    assert ledger.faults() == ()
    assert ledger.history(MODEL).term == len(ledger.events(MODEL)) == len(ledger.history(MODEL).versions) == num_terms
    assert len(ledger.events()) == 1 + num_terms  # one key, added once


def asked(*moments: float, **what: Any) -> Asked:
    return Asked(**{"kind": "promote", "called": moments[0], "answered": moments[1], **what})


HISTORIES = {
    "one after another": (True, [asked(0, 1, term=1), asked(2, 3, expected=1, term=2)]),
    "the loser overlaps the winner": (True, [asked(0, 3, term=1), asked(1, 2, outcome="fail")]),
    "two winners": (False, [asked(0, 3, term=1), asked(1, 2, term=1)]),
    "a loser before any winner": (False, [asked(0, 1, outcome="fail"), asked(2, 3, term=1)]),
    "an old term is read": (False, [asked(0, 1, term=1), asked(2, 3, kind="read", term=0)]),
    "unknown, and it happened": (True, [asked(0, 1, outcome="info"), asked(2, 3, kind="read", term=1)]),
    "unknown, and it did not": (True, [asked(0, 1, outcome="info"), asked(2, 3, kind="read", term=0)]),
    "unknown, seen and unseen": (
        False,
        [asked(0, 1, outcome="info"), asked(2, 3, kind="read", term=1), asked(4, 5, kind="read", term=0)],
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_the_checker_of_histories_tells_right_from_wrong(name: str) -> None:
    right, history = HISTORIES[name]
    assert is_linearizable(history) == right


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
def test_a_promoter_that_is_killed_at_any_moment_loses_nothing_that_was_acknowledged(
    database: Path | Database,
) -> None:
    chance = random.Random(7)
    for _ in range(NUM_KILLS if isinstance(database, Path) else NUM_KILLS // 5):
        killed_at_random(database, chance, within_s=0.05)
    assert Ledger(database).faults() == ()
