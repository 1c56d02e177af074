"""Whether each promotion in a chain was allowed by what the chain says before it: its waivers, its snapshots."""

from collections.abc import Iterable, Iterator

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Promotion, SnapshotRevoked, Waived
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.history import moment
from raytemplate.ledger.snapshots import snapshots_of
from raytemplate.ledger.waivers import waiver_in
from raytemplate.records.judged import Waiver

_SOME = '"waivers":[{'
_OF_INTEREST = frozenset((Promotion.type, SnapshotRevoked.type, Waived.type))


def faults_of_promotions(events: Iterable[Event]) -> Iterator[str]:
    """What is wrong with promotions that rest on a waiver, or have seen a snapshot that was revoked before them.

    Args:
        events: all of a chain, oldest first; those whose bodies cannot be read are told elsewhere.
    """
    waived: dict[tuple[str, str, str, str], Waiver] = {}
    revoked: dict[str, int] = {}
    for event in events:
        rests_on_nothing = event.type == Promotion.type and not revoked and _SOME not in event.body
        if event.type not in _OF_INTEREST or rests_on_nothing:  # most events, which need not be parsed once more
            continue
        try:
            body, at = body_of(event), moment(event.at, f"event {event.seq}")
        except IntegrityError:
            continue
        match body:
            case Waived():
                waived[event.model, body.run_id, body.digest, body.gate] = waiver_in(event, body)
            case SnapshotRevoked():
                revoked.setdefault(body.snapshot, event.seq)
            case Promotion(grounds=grounds):
                for one in grounds.waivers:
                    if one != waived.get((event.model, body.run_id, body.digest, one.gate)) or one.expires <= at:
                        yield f"event {event.seq}: rests on a waiver of {one.gate} that was not in force"
                for snapshot in set(snapshots_of(grounds)) & set(revoked):
                    yield f"event {event.seq}: promotes what has seen a snapshot that event {revoked[snapshot]} revoked"
            case _:
                pass
