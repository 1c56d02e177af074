"""The ledger as JSON Lines, for an auditor who has nothing else: its public keys on the first line, then each event."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.ledger.chain import Examined, examine
from raytemplate.ledger.checkers import check_ahead
from raytemplate.ledger.events import Event
from raytemplate.ledger.history import by_model, tell
from raytemplate.records.codec import decode
from raytemplate.store.atomic import storage_errors

_NAMES = tuple(field.name for field in fields(Event))


def export_lines(chain: Examined) -> Iterator[str]:
    """The lines of an export, without newlines."""
    keys = [
        {
            "id": known.key.id,
            "public_key": known.key.text,
            "purpose": known.purpose,
            "name": known.name,
            "since": known.since,
            "revoked": known.revoked,
        }
        for known in chain.ring.keys.values()
    ]
    about = {
        "kind": "LedgerExport",
        "schema": 1,
        "ledger": chain.ring.ledger,
        "events": len(chain.events),
        "head": chain.events[-1].hash if chain.events else "",
        "keys": keys,
    }
    for each in (about, *({name: getattr(event, name) for name in _NAMES} for event in chain.events)):
        yield json.dumps(each, ensure_ascii=False, separators=(",", ":"))


def read_export(path: Path) -> Examined:
    """The chain of an export, and everything that is wrong with it.

    Raises:
        IntegrityError: a line is not one of an export; names it.
        UsageError: the file cannot be read.
    """
    with storage_errors(path, doing="read"):
        data = path.read_bytes()
    return read_exported(data, where=str(path))


def read_exported(data: bytes, *, where: str) -> Examined:
    """As `read_export`, of the bytes of an export.

    Raises:
        IntegrityError: a line is not one of an export; names `where` and the line.
    """
    first, *lines = data.rstrip(b"\n").split(b"\n")
    events = tuple(_event(where, number, line) for number, line in enumerate(lines, start=2))
    found = examine(events, check_ahead(events)())
    faults = dict.fromkeys([*found.faults, *_faults_of_models(events)])
    if first.decode(errors="replace") != next(export_lines(found)):
        faults[f"{where}:1: does not fit the {len(events)} events below it"] = None
    return replace(found, faults=tuple(faults))


def _event(where: str, number: int, line: bytes) -> Event:
    try:
        return decode(Event, json.loads(line))
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise IntegrityError(f"{where}:{number}: not an event of an exported ledger: {error}") from error


def _faults_of_models(events: tuple[Event, ...]) -> Iterator[str]:
    for of in by_model(events).values():
        try:
            tell(of)
        except IntegrityError as error:
            yield error.what
