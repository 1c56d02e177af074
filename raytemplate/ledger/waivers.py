"""Waivers of gates: which of them a ledger holds for a candidate, and how long one may last."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from raytemplate.errors import Refused, UsageError
from raytemplate.ledger.bodies import Waived
from raytemplate.ledger.events import Event, body_of
from raytemplate.records.judged import Waiver
from raytemplate.units import show_moment

MOST_DAYS = 30
"""Most days that a waiver may last from when it is granted."""


def waivers_of(events: Iterable[Event], run_id: str, digest: str) -> tuple[Waiver, ...]:
    """The newest waiver of each gate for the candidate of a run, expired or not.

    Args:
        events: those of its model, oldest first.
    """
    found: dict[str, Waiver] = {}
    for event in events:
        body = body_of(event)
        if isinstance(body, Waived) and (body.run_id, body.digest) == (run_id, digest):
            found[body.gate] = waiver_in(event, body)
    return tuple(found.values())


def waiver_in(event: Event, body: Waived) -> Waiver:
    """The waiver that an event grants."""
    actor = body.actor
    return Waiver(gate=body.gate, person=actor.name, reason=actor.reason, expires=body.expires, event=event.seq)


def refuse_too_long(expires: datetime, now: datetime) -> None:
    """Refuse a waiver that has expired already, or that lasts longer than any may.

    Raises:
        UsageError: says until when it may last.
    """
    latest = now + timedelta(days=MOST_DAYS)
    if now < expires <= latest:
        return
    wrong = "has passed" if expires <= now else f"is more than {MOST_DAYS} days away"
    raise UsageError(
        f"a waiver until {show_moment(expires)} UTC: that {wrong}; expected a time after {show_moment(now)} and not "
        f"after {show_moment(latest)} UTC",
        next_step=f"--until {MOST_DAYS}d, or less",
    )


def refuse_lapsed(used: Iterable[Waiver], there: Iterable[Waiver], run_id: str, now: datetime) -> None:
    """Refuse a promotion that rests on a waiver that is not in force.

    Args:
        there: the waivers of the candidate that the ledger holds.

    Raises:
        Refused: names the first of them.
    """
    held = {waiver.gate: waiver for waiver in there}
    for waiver in used:
        if waiver == held.get(waiver.gate) and waiver.expires > now:
            continue
        ended = "has expired" if waiver.expires <= now else "is not the one that the ledger holds"
        raise Refused(
            f"the waiver of {waiver.gate} by {waiver.person} until {show_moment(waiver.expires)} UTC {ended}; nothing "
            "was promoted",
            next_step=f"raytemplate promote {run_id}",
        )
