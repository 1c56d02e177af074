"""One version of a model as `show MODEL/3` prints it: its run, when it was champion, what to do with it."""

from dataclasses import dataclass
from datetime import datetime
from html import escape

from raytemplate.ledger.head import ModelVersion
from raytemplate.reports.history import MOVES, EventRow, RunRow, age_text
from raytemplate.reports.layout import sentences, table
from raytemplate.reports.model_shown import runs_text
from raytemplate.reports.wording import short

_TIME = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reign:
    """A period as champion."""

    began: EventRow
    """The promotion or rollback that began it."""
    ended: datetime | None = None
    """When the next one ended it; None while it lasts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionView:
    """One version of a model."""

    version: ModelVersion
    """The version, as the ledger has it."""
    reigns: tuple[Reign, ...]
    """Every period in which it was champion, oldest first."""
    now: datetime
    """The moment that ages are computed for."""
    run: RunRow | None = None
    """The run that made it; None if its records cannot be read."""
    revoked: str = ""
    """A sentence about the revoked snapshots that it has seen; "" if it has seen none."""

    def __str__(self) -> str:
        version = self.version
        head = (
            f"{version.model}   version {version.version}, {_standing(self)}"
            f"   run {version.run_id}   digest {short(version.digest)}"
        )
        run = runs_text([self.run]) if self.run else f"  The records of run {version.run_id} cannot be read."
        blocks = (head, sentences(self.revoked), _reigns(self), run, _commands(self))
        return "\n\n".join(block for block in blocks if block)

    def __repr__(self) -> str:
        return f"<version {self.version.version} of {self.version.model}, {_standing(self)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def reigns(events: tuple[EventRow, ...], version: int) -> tuple[Reign, ...]:
    """When a version was champion, from all events of its model, oldest first."""
    moves = [event for event in events if event.event in MOVES]
    following = [*(event.at for event in moves[1:]), None]
    return tuple(
        Reign(began=event, ended=ended)
        for event, ended in zip(moves, following, strict=False)
        if event.version == version
    )


def _standing(view: VersionView) -> str:
    if view.version.state == "champion":
        return "the champion"
    if view.version.state == "challenger":
        return "waiting"
    return "a former champion" if view.reigns else "never champion"


def _reigns(view: VersionView) -> str:
    if not view.reigns:
        return ""
    rows = [("champion from", "until", "for", "event", "by", "reason")]
    for reign in view.reigns:
        event, until = reign.began, reign.ended
        shown = until.strftime(_TIME) if until else "now"
        age = age_text(event.at, until or view.now)
        rows.append((event.at.strftime(_TIME), shown, age, event.event, event.who or "-", event.reason))
    return table(rows, gaps=(3, 2, 2, 2, 2), right={2}, most={4: 14, 5: 24})


def _commands(view: VersionView) -> str:
    """What can be done with the version; the last line is what a person would most likely want."""
    version = view.version
    ref = f"{version.model}/{version.version}"
    predict = f"  raytemplate predict {ref} NEW.parquet OUT.parquet"
    lines = [f"  raytemplate show {version.run_id}"] if view.run else []
    if version.state == "champion" or view.revoked:
        return "\n".join([*lines, predict])
    if not view.reigns:
        return "\n".join([*lines, predict, "To promote it:", f"  raytemplate promote {version.run_id}"])
    return "\n".join([*lines, predict, "To make it the champion again:", f"  raytemplate rollback {ref}"])
