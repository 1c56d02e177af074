"""Bodies of events: a closed union with one member for each kind of event. Readers match over all of them.

Schema 2 of the ledger writes each member as itself. In schema 1 a single `Change` served all kinds, with its text
joined in `details`: such events stay as they were written and hashed, and are read as today's member. Schema 3 adds the
members for keys and for what else a person decides, and signs every event.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from raytemplate.ledger.signing import PublicKey, Purpose
from raytemplate.records.codec import canonical, encode
from raytemplate.records.judged import AUTOMATIC, Actor, Waiver

_OUTSIDE = " set outside the template"


@dataclass(frozen=True, kw_only=True, slots=True)
class OfVersion:
    """A version of a model, and the run that made it."""

    version: int
    """Number of the version, from 1."""

    digest: str
    """Digest of the model's files."""

    run_id: str
    """Run that made it."""

    seen_until: datetime
    """No row that it was made from is newer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """What a candidate was judged on."""

    plan: str
    """Id of its plan."""

    snapshot: str
    """Digest of the test data."""

    evaluation_sha256: str
    """Digest of the evaluation."""

    set_outside: tuple[str, ...] = ()
    """Fields of `governance` that did not come from a file."""

    accepted: tuple[str, ...] = ()
    """Gates that held and that the person, whose reason the event has, accepted."""

    made_from: tuple[str, ...] = ()
    """Digests of the snapshots that models behind the candidate have seen: the one that it was trained from, and the
    one whose features it takes."""

    waivers: tuple[Waiver, ...] = ()
    """Waivers without which the candidate would not have been promoted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged(OfVersion):
    """What became of a candidate."""

    term: int
    """The model's counter of champions after the event."""

    actor: Actor
    """Who asked for it."""

    grounds: Grounds
    """What it was judged on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting(_Judged):
    """A candidate was held, and is registered as the challenger."""

    type: ClassVar[Literal["waiting"]] = "waiting"


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion(_Judged):
    """A candidate became the champion, which begins a new term."""

    type: ClassVar[Literal["promoted"]] = "promoted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback(OfVersion):
    """An earlier champion is the champion again, which begins a new term."""

    type: ClassVar[Literal["rolled-back"]] = "rolled-back"

    term: int
    """The model's counter of champions after the event."""

    actor: Actor
    """Who asked for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyAdded:
    """A key that the ledger knows from now on. The first event that is signed is one of these."""

    type: ClassVar[Literal["key-added"]] = "key-added"

    ledger: str
    """Id of the ledger: random, made with its first key."""

    public_key: str
    """The key's 32 bytes in base64."""

    purpose: Purpose
    """What it may sign."""

    name: str
    """Whose it is, as its owner's machine says."""

    actor: Actor
    """Who asked for the event that it signs first."""

    def __post_init__(self) -> None:
        PublicKey.of(self.public_key)

    @property
    def key(self) -> PublicKey:
        """The key."""
        return PublicKey(self.public_key)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRevoked:
    """A key that signs nothing from now on. What it has signed stays valid."""

    type: ClassVar[Literal["key-revoked"]] = "key-revoked"

    key: str
    """Id of the key."""

    actor: Actor
    """Who asked for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waived:
    """A gate is excepted for one candidate, for a time."""

    type: ClassVar[Literal["waived"]] = "waived"

    run_id: str
    """Run that made the candidate."""

    digest: str
    """Digest of the candidate's files."""

    gate: str
    """Name of the gate."""

    expires: datetime
    """When the exception ends."""

    actor: Actor
    """Who granted it, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotFrozen:
    """The rows that a run read are to be kept as they are."""

    type: ClassVar[Literal["snapshot-frozen"]] = "snapshot-frozen"

    snapshot: str
    """Digest of the snapshot, which covers the digests of all that was read."""

    name: str
    """Its short name, such as "flights@3f7f16"."""

    kept: str = ""
    """Digest of the copy of its rows; "" if none was kept."""

    actor: Actor
    """Who asked for it, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotRevoked:
    """No candidate that was made from these rows, or judged on them, is promoted from now on."""

    type: ClassVar[Literal["snapshot-revoked"]] = "snapshot-revoked"

    snapshot: str
    """Digest of the snapshot."""

    name: str
    """Its short name, such as "flights@3f7f16"."""

    actor: Actor
    """Who asked for it, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsChanged:
    """The settings of governance that are in force from now on."""

    type: ClassVar[Literal["settings-changed"]] = "settings-changed"

    settings: str
    """All of them, as JSON in its canonical form."""

    actor: Actor
    """Who asked for it, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """An older copy was put in place of the ledger, because the newer one is lost."""

    type: ClassVar[Literal["restored"]] = "restored"

    events: int
    """How many events the copy had."""

    head: str
    """Hash of the last of them."""

    newest: int
    """Number of the newest event that was known before, in the ledger or by a checkpoint."""

    lost: tuple[str, ...]
    """What is known of what was lost, one line each."""

    actor: Actor
    """Who asked for it, and why."""


OfModel = Waiting | Promotion | Rollback
"""What happens to a version of a model."""
Decided = KeyRevoked | Waived | SnapshotFrozen | SnapshotRevoked | SettingsChanged | Restored
"""What a person decides besides, and has signed."""
Body = OfModel | KeyAdded | Decided
"""What happens."""
MEMBERS: dict[str, type[Body]] = {
    member.type: member
    for member in (
        Waiting,
        Promotion,
        Rollback,
        KeyAdded,
        KeyRevoked,
        Waived,
        SnapshotFrozen,
        SnapshotRevoked,
        SettingsChanged,
        Restored,
    )
}
"""Type of an event -> its body."""


def content_of(body: Decided) -> str:
    """What a person signs of a body, as JSON: all of it but the person, who is named beside it."""
    return canonical({name: value for name, value in encode(body).items() if name != "actor"})


def of_schema_1(member: type[Body], actor: str, change: dict[str, Any]) -> dict[str, Any]:
    """A body of schema 1 in today's form. Its `by` was one text: "automatic", "ada" or "ada: too old; governance.gates
    set outside the template"."""
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
