"""Snapshots that are frozen or revoked, and the versions that have seen them, from events that a ledger holds."""

from collections.abc import Collection, Iterable, Mapping

from raytemplate.errors import Refused
from raytemplate.ledger.bodies import Grounds, Promotion, SnapshotFrozen, SnapshotRevoked, Waiting
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.history import Head, History, moment
from raytemplate.records.judged import Actor
from raytemplate.records.marked import MarkKind, SnapshotMark


def marks_in(events: Iterable[Event]) -> tuple[SnapshotMark, ...]:
    """What was decided about snapshots, oldest first; each is frozen and revoked once at most.

    Args:
        events: those that concern no model, oldest first.
    """
    found: dict[tuple[str, str], SnapshotMark] = {}
    for event in events:
        body = body_of(event)
        if isinstance(body, SnapshotFrozen | SnapshotRevoked):
            mark = SnapshotMark(
                snapshot=body.snapshot,
                name=body.name,
                kind="frozen" if isinstance(body, SnapshotFrozen) else "revoked",
                person=body.actor.name,
                reason=body.actor.reason,
                at=moment(event.at, f"event {event.seq}"),
                event=event.seq,
                kept=body.kept if isinstance(body, SnapshotFrozen) else "",
            )
            found.setdefault((body.snapshot, mark.kind), mark)
    return tuple(found.values())


def mark_of(kind: MarkKind, snapshot: str, name: str, kept: str, actor: Actor) -> SnapshotFrozen | SnapshotRevoked:
    """What the ledger is to record about a snapshot.

    Args:
        snapshot: its digest.
        name: its short name.
        kept: digest of the copy of its rows, of which only freezing tells.
    """
    if kind == "frozen":
        return SnapshotFrozen(snapshot=snapshot, name=name, kept=kept, actor=actor)
    return SnapshotRevoked(snapshot=snapshot, name=name, actor=actor)


def revoked_of(marks: Iterable[SnapshotMark], snapshots: Collection[str]) -> tuple[SnapshotMark, ...]:
    """Those of some snapshots that are revoked, oldest revocation first."""
    return tuple(mark for mark in marks if mark.kind == "revoked" and mark.snapshot in snapshots)


def snapshots_of(grounds: Grounds) -> tuple[str, ...]:
    """Digests of all snapshots that a candidate has seen: its own, on which it was judged, and those of models that it
    was made from."""
    return (grounds.snapshot, *grounds.made_from)


def seen_by_versions(events: Iterable[Event]) -> dict[int, tuple[str, ...]]:
    """Version -> digests of the snapshots that it has seen.

    Args:
        events: those of its model.
    """
    found: dict[int, dict[str, None]] = {}
    for event in events:
        body = body_of(event)
        if isinstance(body, Waiting | Promotion):
            found.setdefault(body.version, {}).update(dict.fromkeys(snapshots_of(body.grounds)))
    return {version: tuple(seen) for version, seen in found.items()}


def refuse_revoked(grounds: Grounds, marks: Iterable[SnapshotMark], run_id: str) -> None:
    """Refuse a promotion of what was made from a revoked snapshot, or judged on one.

    Raises:
        Refused: names the snapshot.
    """
    for mark in revoked_of(marks, snapshots_of(grounds)):
        raise Refused(
            f"run {run_id} has seen {mark.name}, {mark.text}; nothing was promoted",
            next_step=f"raytemplate show {run_id}",
        )


def refuse_rollback(
    to: Head, history: History, seen: Mapping[int, Collection[str]], marks: Collection[SnapshotMark], *, excused: bool
) -> None:
    """Refuse to go back to a version that has seen a revoked snapshot, unless no other is left and a person wants it.

    Args:
        seen: version -> digests of the snapshots that it has seen.
        excused: whether the person has named that version, with a reason.

    Raises:
        Refused: names the snapshot, and the version to go back to in its place.
    """
    revoked = {version: revoked_of(marks, digests) for version, digests in seen.items()}
    if not revoked.get(to.version):
        return
    mark = revoked[to.version][0]
    what = f"version {to.version} of {to.model} has seen {mark.name}, {mark.text}"
    now = history.heads[-1].version
    left = [head.version for head in reversed(history.heads) if head.version != now and not revoked.get(head.version)]
    if left:
        raise Refused(f"{what}; nothing was moved", next_step=f"raytemplate rollback {to.model}/{left[0]}")
    if not excused:
        raise Refused(
            f"{what}; no other version that was champion is left, so only its number with a reason goes back to it",
            next_step=f'raytemplate rollback {to.model}/{to.version} --reason "..."',
        )
