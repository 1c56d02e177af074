"""Promoters that race, and promoters that are killed, with the history of what each asked and was told.

The histories are checked as Jepsen does: is there one order of all requests, each at a moment between its call and its
answer, in which a single ledger would have given these answers?
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Literal

from raytemplate.errors import ChampionMoved, Unavailable
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.database import Database
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor

MODEL, START = "flights", datetime(2013, 6, 1, tzinfo=UTC)
ANN, GROUNDS = Actor(name="ann"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request, and what was answered."""

    kind: Literal["read", "promote"]
    expected: int = 0
    """Term that a promotion was judged in."""

    outcome: Literal["ok", "fail", "info"] = "ok"
    """"info": nobody knows whether it happened."""

    term: int = 0
    """Term that was read, or that a promotion began."""

    called: float
    """Moment of the call; all processes of a machine have the same clock."""

    answered: float


def race(database: Path | Database, who: int, num_terms: int) -> list[Asked]:
    """Everything that one promoter asked until this many terms were over."""
    ledger, asked, term = Ledger(database), list[Asked](), 0
    while term < num_terms:
        called = time.monotonic()
        term = ledger.history(MODEL).term
        asked.append(Asked(kind="read", term=term, called=called, answered=time.monotonic()))
        if term < num_terms:
            asked.append(_promote(ledger, who, term))
    return asked


def _promote(ledger: Ledger, who: int, expected: int) -> Asked:
    called, outcome, term = time.monotonic(), "ok", 0
    try:
        term = ledger.promote(MODEL, f"{who}-{expected}", f"run-{who}", START, expected, ANN, GROUNDS).head.term
    except ChampionMoved:
        outcome = "fail"
    except Unavailable:
        outcome = "info"
    now = time.monotonic()
    return Asked(kind="promote", expected=expected, outcome=outcome, term=term, called=called, answered=now)


def is_linearizable(history: Iterable[Asked]) -> bool:
    """Whether one order of all requests explains every answer.

    Follows all states that the ledger may be in, from call to answer: (term, requests that have happened already though
    they are not answered yet).
    """
    requests = dict(enumerate(history))
    moments = [(asked.called, 0, number) for number, asked in requests.items()]
    moments += [(asked.answered, 1, number) for number, asked in requests.items() if asked.outcome != "info"]
    states, pending = {(0, frozenset[int]())}, set[int]()
    for _, is_answer, number in sorted(moments):
        if not is_answer:
            pending.add(number)
            continue
        reached, new = set(states), set(states)
        while new:
            new = {
                (after, happened | {other})
                for term, happened in new
                if number not in happened
                for other in pending - happened
                if (after := _after(term, requests[other])) >= 0
            } - reached
            reached |= new
        states = {(term, happened - {number}) for term, happened in reached if number in happened}
        pending.discard(number)
    return bool(states)


def _after(term: int, asked: Asked) -> int:
    """The term after a request that happens in `term`; -1 if its answer would have been another one."""
    if asked.kind == "read":
        return term if asked.term == term else -1
    fits = asked.expected == term
    if asked.outcome == "info":
        return term + 1 if fits else term
    if asked.outcome == "fail":
        return -1 if fits else term
    return term + 1 if fits and asked.term == term + 1 else -1


def killed_at_random(database: Path | Database, chance: random.Random, within_s: float) -> None:
    """Kill a process while it promotes and rolls back. What it was told of is in the ledger, and at most one move more.

    Args:
        within_s: seconds after its first answer within which it is killed.
    """
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            _promote_and_roll_back(Ledger(database), writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        first = told.readline()
        time.sleep(chance.uniform(0.0, within_s))
        os.kill(child, signal.SIGKILL)
        last = int((first + told.read()).split()[-1])
    os.waitpid(child, 0)
    history = Ledger(database).history(MODEL)  # checks hashes, and the head against the events
    assert last <= history.term <= last + 1, (last, history.term)


def _promote_and_roll_back(ledger: Ledger, told: int) -> None:
    term = ledger.history(MODEL).term
    for number in count():
        if number % 3 == 2:
            term = ledger.rollback(MODEL, ANN).head.term
        else:
            digest = f"{os.getpid()}-{term}"
            term = ledger.promote(MODEL, digest, "run", START, term, ANN, GROUNDS).head.term
        os.write(told, b"%d\n" % term)
