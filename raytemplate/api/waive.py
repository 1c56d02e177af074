"""Waivers: a person excepts a run's candidate from a gate, for a time."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import journal_of, workspace_to_write
from raytemplate.errors import UsageError
from raytemplate.execution.lock import read_lock
from raytemplate.records.judged import Actor, Finding, VerdictRecord, Waiver
from raytemplate.redact import redact
from raytemplate.reports.waiver_shown import waived_text
from raytemplate.units import parse_moment, parse_span, show, show_moment

if TYPE_CHECKING:
    from raytemplate.history.runs import Run
    from raytemplate.ledger.bodies import Waived
    from raytemplate.ledger.head import Ledger


@dataclass(frozen=True, kw_only=True)
class Excepted:
    """A waiver that was granted; prints as `raytemplate waive` does."""

    run_id: str
    """The run whose candidate is excepted."""

    waiver: Waiver
    """The exception."""

    still: tuple[Finding, ...] = ()
    """What would still block the candidate or leave it to a person."""

    warning: str = ""
    """Why no checkpoint of the ledger was kept; "" if one was."""

    def __str__(self) -> str:
        return waived_text(self.run_id, self.waiver, self.still, self.warning)

    def __repr__(self) -> str:
        return f"<{self.waiver.gate} of run {self.run_id} waived until {show_moment(self.waiver.expires)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def waive(
    ref: str | Run, gate: str, *, reason: str = "", until: str | datetime = "", workspace: str | None = None
) -> Excepted:
    """Except a run's candidate from a gate that blocked or held it. Promotes nothing: `promote` does that.

    The newest waiver of a gate counts, so a later one may also end it sooner.

    Args:
        ref: a run, or its unique id prefix or "last".
        gate: name of a gate of the run's plan.
        reason: why, kept in the ledger.
        until: when the exception ends: a date or time (UTC), or a length of time such as "7d"; at most 30 days from
            now.

    Raises:
        ChampionMoved: the champion has moved since the run was judged.
        Refused: the gate could not judge, or guards integrity or privacy.
        UsageError: no such run or gate, the gate passed, there is no reason, or the time has passed or is too far away.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.execution.waiving import new_waiver
    from raytemplate.governance.judge import still_stops
    from raytemplate.ledger.opening import open_ledger
    from raytemplate.ledger.waivers import refuse_too_long

    found_in = workspace_to_write(workspace)
    ledger, journal = open_ledger(found_in), journal_of(found_in, ref)
    plan, why, now = read_lock(journal).plan, redact(reason).strip(), ledger.now()
    person = Actor(name=getpass.getuser(), reason=why)
    # All that may be wrong is found before a process is started or a key is made.
    expires = _expires(until, now, why, f"raytemplate waive {journal.run_id} {gate}")
    refuse_too_long(expires, now)
    body = new_waiver(journal, plan, ledger, gate, expires, person)
    warning = ""
    if not any(_is_the_same(given, person, expires) for given in _given(ledger, plan.name, body) if given.gate == gate):
        with PromoterProcess(found_in, None, found_in.root / "promoter.log", person.name) as promoter:
            warning = promoter.waive(journal, gate, expires, why)
    given = _given(ledger, plan.name, body)
    return Excepted(
        run_id=journal.run_id,
        waiver=next(waiver for waiver in given if waiver.gate == gate),
        still=still_stops(journal.need(VerdictRecord).verdict, given, ledger.now()),
        warning=warning,
    )


def _given(ledger: Ledger, model: str, body: Waived) -> tuple[Waiver, ...]:
    return ledger.waivers(model, run_id=body.run_id, digest=body.digest)


def _is_the_same(given: Waiver, person: Actor, expires: datetime) -> bool:
    return (given.person, given.reason, given.expires) == (person.name, person.reason, expires)


def _expires(until: str | datetime, now: datetime, reason: str, command: str) -> datetime:
    """When the exception ends.

    Raises:
        UsageError: no reason or no time, or not a time.
    """
    again = f'{command} --reason "..." --until 7d'
    if not reason or not until:
        lacks = " and ".join(name for name, given in (("a reason", reason), ("an end", until)) if not given)
        raise UsageError(f"a waiver needs {lacks}, which the ledger keeps", next_step=again)
    try:
        if isinstance(until, datetime):
            return until.replace(tzinfo=until.tzinfo or UTC).astimezone(UTC)
        return _moment(until, now)
    except (OverflowError, ValueError):
        example = show_moment((now + timedelta(days=7)).replace(hour=0, minute=0, second=0, microsecond=0))
        raise UsageError(
            f"--until: got {show(until)}, expected a date or time (UTC) such as {example}, or a length of time such as "
            "7d or 12h",
            next_step=again,
        ) from None


def _moment(until: str, now: datetime) -> datetime:
    try:
        span = parse_span(until)
    except ValueError:
        return parse_moment(until)
    return span.on_from(now.replace(microsecond=0))
