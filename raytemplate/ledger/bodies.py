"""What an event says: a closed union, one member a kind of event. Who reads events matches over all of them.

Schema 2 of the ledger writes each as itself. An event of schema 1 was one `Change` for all kinds, with its words glued
into `details`: it stays as it was written and hashed, and is read as the member that it would be now.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from raytemplate.records.judged import AUTOMATIC, Actor

_OUTSIDE = " set outside the template"


@dataclass(frozen=True, kw_only=True, slots=True)
class OfVersion:
    """A version of a model, and the run that made it. `seen_until`: no row it was made from is newer."""

    version: int
    digest: str
    run_id: str
    seen_until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """What a candidate was judged on: its plan's id, the digests of the test data and of the evaluation, and the fields
    of `governance` that did not come from a file."""

    plan: str
    snapshot: str
    evaluation_sha256: str
    set_outside: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    """Gates that held and were accepted by the person whose reason the event has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged(OfVersion):
    """What became of a candidate in a term of its model."""

    term: int
    actor: Actor
    grounds: Grounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting(_Judged):
    """A candidate was held, and is registered as the challenger."""

    type: ClassVar[Literal["waiting"]] = "waiting"


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion(_Judged):
    """A candidate became the champion; that is the model's new term."""

    type: ClassVar[Literal["promoted"]] = "promoted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback(OfVersion):
    """An earlier champion is the champion again; that is the model's new term."""

    type: ClassVar[Literal["rolled-back"]] = "rolled-back"
    term: int
    actor: Actor


Body = Waiting | Promotion | Rollback
MEMBERS = {member.type: member for member in (Waiting, Promotion, Rollback)}
"""By the type of their events."""


def of_schema_1(member: type[Body], actor: str, change: dict[str, Any]) -> dict[str, Any]:
    """A body with its words told apart: `by` was "automatic", "ada" or "ada: too old; governance.gates set outside the
    template"."""
    details = change["details"]
    by, outside = details.get("by", ""), ""
    if by.endswith(_OUTSIDE):
        by, _, outside = by.removesuffix(_OUTSIDE).rpartition("; ")
    automatic = member is not Rollback and by in ("", AUTOMATIC)
    reason = "" if automatic or by == actor else by.removeprefix(f"{actor}: ")
    return {
        **change,
        "kind": member.__name__,
        "actor": {"name": actor, "reason": details.get("reason", reason), "automatic": automatic},
        "grounds": {
            **{name: details.get(name, "") for name in ("plan", "snapshot", "evaluation_sha256")},
            "set_outside": outside.split(", ") if outside else [],
        },
    }
