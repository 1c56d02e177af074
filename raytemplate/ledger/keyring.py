"""The keys that a ledger knows, from its own events, and whether each event is signed as it must be."""

from dataclasses import dataclass, field, replace
from typing import get_args

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import (
    Decided,
    KeyAdded,
    KeyRevoked,
    OfModel,
    Rollback,
    SettingsChanged,
    Waiting,
    content_of,
)
from raytemplate.ledger.decisions import check_decision, key_of, read_decision
from raytemplate.ledger.events import Event, body_of, content
from raytemplate.ledger.settings import settings_in
from raytemplate.ledger.signing import PublicKey, Purpose, signed_bytes
from raytemplate.records.governed import GovernanceSettings

EVENT_TYPE = "application/vnd.raytemplate.event.v3+json"
"""DSSE's payload type of an event."""
_SAID = '"said":{'
"""In every body that has an envelope, so that the others need not be parsed."""
_NOT_AUTOMATIC = '"automatic":false'
"""In every body of what a person asked for. If only listed people may, each of them must have signed."""
_OF_KEYS = (KeyAdded.type, KeyRevoked.type, SettingsChanged.type)
_BY_PERSON = frozenset(member.type for member in get_args(Decided))
"""Types of events that a person has signed, always."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownKey:
    """A key that a ledger knows."""

    key: PublicKey
    """Its public half."""

    purpose: Purpose
    """What it may sign."""

    name: str
    """Whose it is, as its owner's machine said."""

    since: int
    """Number of the event that added it."""

    at: str
    """When that was; time in ISO format, UTC."""

    revoked: int = 0
    """Number of the event that revoked it; 0 if none has. What it signed before stays valid."""


@dataclass
class Keyring:
    """Follows the events of a ledger, oldest first, and tells of each whether it is signed as it must be.

    Events that are not signed may come only before the first one that is. That one adds its own key, and so does the
    first one of every other promoter: their keys are trusted when they are first used.
    """

    with_signatures: bool = True
    """Whether to check the signatures themselves. Without, only which key signs what is checked, which is quick."""

    ledger: str = ""
    """The ledger's id; "" until an event is signed."""

    keys: dict[str, KnownKey] = field(default_factory=dict[str, KnownKey])
    """Id -> key."""

    signed_since: int = 0
    """Number of the first event that is signed; 0 if none is."""

    settings: GovernanceSettings = field(default_factory=GovernanceSettings)
    """The settings in force."""

    settings_by: Event | None = None
    """The event that put them in force; None if none has, so that they are the defaults."""

    def follow(self, event: Event, signed_by: str = "") -> str:
        """Take up the next event. Returns what is wrong with its signature or with the key that it adds; "" if
        nothing is.

        Args:
            signed_by: the key, in base64, that was shown already to have signed it.
        """
        body = None
        if event.type in _OF_KEYS:
            try:
                body = body_of(event)
            except IntegrityError as error:
                return error.what
        match body:
            case KeyAdded():
                fault = self._add(event, body) or self._fault(event, signed_by)
            case KeyRevoked():
                fault = self._fault(event, signed_by) or self._revoke(event, body)
            case SettingsChanged():
                fault = self._fault(event, signed_by) or self._change(event, body)
            case _:
                fault = self._fault(event, signed_by)
        return f"event {event.seq}: {fault}" if fault else ""

    def refusal(self, key: PublicKey, purpose: Purpose = "promoter") -> str:
        """Why a key may not sign the next event, or the decision in it; "" if it may, or is not known yet."""
        known = self.keys.get(key.id)
        if known is None:
            return ""
        if known.key != key or known.purpose != purpose:
            return f"key {key.id} is another one in this ledger, added by event {known.since}"
        return f"the {purpose} key {key.id} was revoked by event {known.revoked}" if known.revoked else ""

    def unlisted(self, key: PublicKey, purpose: Purpose, event: str = "") -> str:
        """Why the settings in force do not let a key sign; "" if they do. A change of settings needs no listed
        promoter: the person's key allows it, and settings that list a wrong promoter could not be mended otherwise.

        Args:
            event: type of the event that a promoter's key is to sign.
        """
        listed, name = self.settings.promoters, "promoters"
        if purpose == "identity":
            listed, name = self.settings.people, "people"
        elif event in (KeyAdded.type, SettingsChanged.type):
            return ""
        if self.settings_by is None or not listed or key.id in listed:
            return ""
        whose = "person's" if purpose == "identity" else "promoter's"
        return f"the {whose} key {key.id} is not among keys.{name}, which event {self.settings_by.seq} put in force"

    def _change(self, event: Event, body: SettingsChanged) -> str:
        try:
            self.settings = settings_in(body)
        except IntegrityError as error:
            return error.what
        self.settings_by = event
        return ""

    def _add(self, event: Event, body: KeyAdded) -> str:
        key = body.key
        if key.id in self.keys:
            return f"adds key {key.id}, which event {self.keys[key.id].since} has added"
        if body.ledger != (self.ledger or body.ledger):
            return f"adds a key to ledger {body.ledger}, but this is ledger {self.ledger}"
        self.ledger = body.ledger
        self.keys[key.id] = KnownKey(key=key, purpose=body.purpose, name=body.name, since=event.seq, at=event.at)
        if body.purpose == "promoter" and event.key != key.id:
            return f"adds the promoter's key {key.id}, but is signed by key {event.key or 'none'}"
        return ""

    def _revoke(self, event: Event, body: KeyRevoked) -> str:
        known = self.keys.get(body.key)
        if known is None:
            return f"revokes key {body.key}, which no earlier event adds"
        self.keys[body.key] = replace(known, revoked=known.revoked or event.seq)
        return ""

    def _fault(self, event: Event, signed_by: str) -> str:
        if not event.key and not event.signature:
            if self.signed_since or event.type in (KeyAdded.type, KeyRevoked.type):
                return f"is not signed, unlike every event since {self.signed_since or event.seq}"
            return ""
        self.signed_since = self.signed_since or event.seq
        known = self.keys.get(event.key)
        if known is None:
            return f"is signed by key {event.key or 'none'}, which no earlier event adds"
        if known.purpose != "promoter":
            return f"is signed by key {event.key}, which is no promoter's"
        if known.revoked:
            return f"is signed by key {event.key}, which event {known.revoked} revoked"
        if unlisted := self.unlisted(known.key, "promoter", event.type):
            return unlisted
        shown = signed_by == known.key.text or not self.with_signatures
        if not (shown or known.key.has_signed(event.signature, to_sign(event))):
            return f"its signature is not by key {event.key}"
        asked = _SAID in event.body or event.type in _BY_PERSON
        asked |= bool(self.settings.people) and _NOT_AUTOMATIC in event.body
        return self._fault_of_person(event) if self.with_signatures and asked else ""

    def _fault_of_person(self, event: Event) -> str:
        """What is wrong with the envelope in an event: its signature, its key, or that it says something else."""
        try:
            body = body_of(event)
        except IntegrityError:
            return "its body cannot be read"
        if isinstance(body, KeyAdded):
            return ""
        try:
            said = check_decision(body.actor, model=event.model, **_signed_for(body))
            key, ledger = key_of(said), read_decision(said).ledger
        except IntegrityError as error:
            return error.what
        if ledger not in ("", self.ledger):
            return f"its decision is for ledger {ledger}, but this is ledger {self.ledger}"
        known = self.keys.get(key.id)
        if known is None or known.key != key:
            return f"its decision is signed by key {key.id}, which no earlier event adds"
        if known.purpose != "identity":
            return f"its decision is signed by key {key.id}, which is no person's"
        if known.revoked:
            return f"its decision is signed by key {key.id}, which event {known.revoked} revoked"
        return self.unlisted(key, "identity")


def _signed_for(body: OfModel | Decided) -> dict[str, object]:
    """What the envelope in an event must say, besides the model."""
    if not isinstance(body, OfModel):
        return {"action": body.type, "content": content_of(body)}
    before = body.term if isinstance(body, Waiting) else body.term - 1
    action, version = ("rollback", body.version) if isinstance(body, Rollback) else ("promote", 0)
    return {"action": action, "version": version, "term": before, "digest": body.digest, "run_id": body.run_id}


def to_sign(event: Event) -> bytes:
    """What is signed of an event."""
    return signed_bytes(EVENT_TYPE, content(event).encode())
