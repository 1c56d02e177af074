"""The ledger's events as a table, and what a verified ledger proves."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from raytemplate.ledger.keyring import KnownKey
from raytemplate.reports.layout import hanging, table
from raytemplate.reports.site.views import LedgerRow, LedgerView
from raytemplate.units import count

_KEY_SHOWN = 8
_WHAT = {"promoted": "promoted", "rolled-back": "rolled back to", "waiting": "waiting", "key-added": "key added"}


def ledger_text(view: LedgerView) -> str:
    """All events, oldest first; what is wrong comes last."""
    if not view.rows:
        return "No events yet. The first promotion begins the ledger:\n  raytemplate run FILE"
    titles = ("no.", "when", "what", "model", "who", "signed by", "why")
    rows = table([titles, *map(_cells, view.rows)], gaps=(2, 2, 2, 2, 2, 2), right={0}, most={3: 30, 6: 40})
    if not view.faults:
        return f"{rows}\n\n  raytemplate ledger verify"
    return f"{rows}\n\n{view.faults[0]}\n{count(len(view.faults), 'fault')}:\n  raytemplate ledger verify"


def _cells(row: LedgerRow) -> tuple[str, ...]:
    event = row.event
    what = _WHAT.get(event.event, event.event.replace("-", " "))
    return (
        str(row.number),
        f"{event.at:%Y-%m-%d %H:%M}",
        f"{what} version {event.version}" if event.version else what,
        row.model or "-",
        event.who,
        row.key[:_KEY_SHOWN] or "-",
        event.reason,
    )


def proof_text(
    signed_since: int, num_events: int, keys: Sequence[KnownKey], compared: Sequence[tuple[Path | str, int]]
) -> str:
    """What is signed, what checkpoints cover, and what that proves.

    Args:
        compared: locations of checkpoints, each with the number of events that they cover.
    """
    return "\n".join(hanging(f"  {name:<13}", text) for name, text in _proof(signed_since, num_events, keys, compared))


def excused_text(excused: Sequence[tuple[Path | str, int]]) -> Iterator[str]:
    """Checkpoints that say something else because an older copy was restored.

    Args:
        excused: locations of checkpoints, each with how many of them are excused.
    """
    for path, number in excused:
        if number:
            text = (
                f"{count(number, 'checkpoint')} in {path}, of events that were lost before an older copy was restored"
            )
            yield hanging(f"  {'excused':<13}", text)


def elsewhere_text(not_compared: Sequence[str], empty: Sequence[str] = (), *, named: bool) -> Iterator[str]:
    """Locations of checkpoints that did not answer or are empty, or that there are none.

    Args:
        empty: those that hold no checkpoint, each with that.
        named: whether the settings name any.
    """
    for each in not_compared:
        yield hanging(f"  {'no answer':<13}", each)
    for each in empty:
        yield hanging(f"  {'empty':<13}", each)
    if not named:
        text = "no location of checkpoints beyond this user's folders: ledger.checkpoints in governance.yaml names them"
        yield hanging(f"  {'elsewhere':<13}", text)


def _proof(
    since: int, num_events: int, keys: Sequence[KnownKey], compared: Sequence[tuple[Path | str, int]]
) -> Iterator[tuple[str, str]]:
    if since:
        by = ", ".join(_said(known) for known in keys)
        which = f"events {since} to {num_events}" if num_events > since else f"event {since}"
        yield "signed", f"{which}; {by}"
    else:
        yield "signed", "no event: they are of an earlier version; the next promotion or rollback is signed"
    covered = max((size for _, size in compared), default=0)
    for path, size in compared:
        if size:
            yield "checkpoint", f"the first {count(size, 'event')}, in {path}"
    if covered:
        what = "no event that it covers was changed, dropped or reordered since, unless by a person who can write that"
        yield "proves", f"{what} file too. A key shows which machine and user signed, not who sat there."
    else:
        yield "checkpoint", "none, so that a ledger that was replaced as a whole would not be found"


def _said(known: KnownKey) -> str:
    revoked = f", revoked by event {known.revoked}" if known.revoked else ""
    return f"{known.purpose} key {known.key.id} of {known.name}{revoked}"
