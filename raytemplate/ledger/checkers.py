"""Checks hashes and signatures of a long chain in processes of their own: one core checks 8,000 signatures a second.

A process is `python -P -m raytemplate.ledger.checkers`: it reads one JSON list of events from stdin, each with the key
that is said to have signed it, and answers with one character for each. It loads nothing of the program that asks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from operator import attrgetter

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import KeyAdded
from raytemplate.ledger.events import Event, body_of, content, hash_of
from raytemplate.ledger.keyring import EVENT_TYPE
from raytemplate.ledger.signing import PublicKey, signed_bytes

LEAST_EVENTS = 5_000
"""Fewer events are checked as quickly here: a process takes half a second to start."""
_MOST_PROCESSES = 8
_RIGHT, _NOT_SHOWN = "1", "0"
_NAMES = tuple(each.name for each in fields(Event))
_VALUES = attrgetter(*_NAMES)


def check_ahead(events: Sequence[Event]) -> Callable[[], Sequence[str]]:
    """Start to check events. Returns a function that waits for the result: for each event the key, in base64, that is
    shown to have signed it and whose hash is right; "" for every other. It is empty if the events are few.

    A key is not shown to be the ledger's: that is left to `ledger.keyring`.
    """
    num_processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    if len(events) < LEAST_EVENTS or num_processes < 2:
        return lambda: ()
    keys = _keys(events)
    texts = [keys.get(event.key, "") for event in events]
    size = -(-len(events) // num_processes)
    pool = ThreadPoolExecutor(num_processes)  # each waits for a process
    parts = [slice(start, start + size) for start in range(0, len(events), size)]
    answers = [pool.submit(_answer, texts[part], events[part]) for part in parts]
    pool.shutdown(wait=False)

    def result() -> Sequence[str]:
        told = "".join(each.result() for each in answers)
        return [text if right == _RIGHT else "" for text, right in zip(texts, told, strict=True)]

    return result


def _keys(events: Sequence[Event]) -> dict[str, str]:
    """The keys that events say they add, by id."""
    found: dict[str, str] = {}
    for event in events:
        if event.type == KeyAdded.type:
            try:
                body = body_of(event)
            except IntegrityError:
                continue
            if isinstance(body, KeyAdded):
                found.setdefault(body.key.id, body.public_key)
    return found


def _answer(texts: Sequence[str], events: Sequence[Event]) -> str:
    """The answer of one process; nothing is shown if it fails, and all is checked here."""
    asked = json.dumps([[text, *_VALUES(event)] for text, event in zip(texts, events, strict=True)], default=repr)
    command = [sys.executable, "-P", "-m", "raytemplate.ledger.checkers"]
    try:
        ended = subprocess.run(command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return _NOT_SHOWN * len(events)
    whole = not ended.returncode and len(ended.stdout) == len(events)
    return ended.stdout if whole else _NOT_SHOWN * len(events)


def _is_right(key: str, *values: object) -> bool:
    event = Event(**dict(zip(_NAMES, values, strict=True)))  # type: ignore[arg-type]
    text = content(event)
    if not key or event.hash != hash_of(text, event.signature):
        return False
    return PublicKey(key).has_signed(event.signature, signed_bytes(EVENT_TYPE, text.encode()))


if __name__ == "__main__":
    sys.stdout.write("".join(_RIGHT if _is_right(*each) else _NOT_SHOWN for each in json.load(sys.stdin)))
