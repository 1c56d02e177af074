"""The ledger: reads and moves the head of each model, with one transaction for each move."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from raytemplate.errors import IntegrityError, UsageError
from raytemplate.ledger import chain, keys
from raytemplate.ledger.bodies import (
    Decided,
    Grounds,
    KeyRevoked,
    Promotion,
    Restored,
    Rollback,
    Waiting,
    Waived,
    content_of,
)
from raytemplate.ledger.checkers import check_ahead
from raytemplate.ledger.database import Database, Transaction, database_of, reading, retried, writing
from raytemplate.ledger.decisions import check_decision, read_decision
from raytemplate.ledger.events import Event, body_of, idempotency_key
from raytemplate.ledger.head_table import move_head, stored_heads
from raytemplate.ledger.history import Head, History, ModelVersion, by_model, moment, tell
from raytemplate.ledger.keyring import Keyring, KnownKey
from raytemplate.ledger.refusals import moved, no_model, one_key, target, unlike
from raytemplate.ledger.replacing import replacing
from raytemplate.ledger.signing import Signer
from raytemplate.ledger.snapshots import marks_in, refuse_revoked, refuse_rollback, seen_by_versions
from raytemplate.ledger.waivers import refuse_lapsed, refuse_too_long, waivers_of
from raytemplate.records.judged import Actor, Waiver
from raytemplate.records.marked import SnapshotMark

__all__ = ["Head", "Ledger", "ModelVersion", "Move"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """The result of a request to move the head."""

    head: Head
    """The champion after the request."""

    previous: Head | None
    """The champion before it, if there was one; equal to `head` if "unchanged"."""

    outcome: Literal["promoted", "unchanged"]
    """ "promoted": the request made `head` the champion. "unchanged": the bytes were already the champion's, so nothing
    was written."""


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The champions of a workspace. Reading never creates the file: without it there are no models."""

    database: Path | Database
    """The file `governance.db`, or the database of a team."""

    clock: Callable[[], datetime] = utc_now
    """Gives the time of new events."""

    signer: Callable[[], Signer] = keys.promoter
    """Gives the key that signs new events."""

    @property
    def path(self) -> Path:
        """The file `governance.db`.

        Raises:
            UsageError: the ledger is in a team's database.
        """
        if isinstance(self.database, Path):
            return self.database
        raise UsageError(f"{self.where}: the ledger is no file; use the backups of its database")

    @property
    def where(self) -> str:
        """Where the ledger is, for messages."""
        return database_of(self.database).where

    @property
    def restore(self) -> str:
        """The next step if the ledger is lost or damaged."""
        return database_of(self.database).restore

    def head(self, model: str) -> Head | None:
        """The champion of `model` according to its events."""
        return self.history(model).head

    def history(self, model: str, *, with_signatures: bool = False) -> History:
        """The history of `model`, with each of its events and its head checked.

        Args:
            with_signatures: whether to check the signatures of events too. Whatever changes the ledger does so anyway.

        Raises:
            IntegrityError: names the event that was edited, or the head that differs from the events.
        """
        with reading(self.database) as db:
            return _history(db, model, with_signatures=with_signatures) if db else History()

    def told(self, model: str) -> History:
        """Like `history`, but without checking the model's head.

        Raises:
            IntegrityError: names the event that was edited.
        """
        with reading(self.database) as db:
            return tell(chain.read(db, model)) if db else History()

    def models(self) -> tuple[str, ...]:
        """Names of all models that have a version or a head, sorted."""
        with reading(self.database) as db:
            return _models(db) if db else ()

    def knows(self) -> Callable[[str, int, str, int], bool]:
        """A function (model, version, digest, term) that tells whether the model has that version with that digest and
        has reached that term, according to unchecked events."""
        with reading(self.database) as db:
            return _knows(db) if db else lambda *_: False

    def waivers(self, model: str, *, run_id: str, digest: str) -> tuple[Waiver, ...]:
        """The newest waiver of each gate for one candidate, expired or not, with signatures checked.

        Raises:
            IntegrityError: names the event that was edited.
        """
        with reading(self.database) as db:
            return waivers_of(chain.read(db, model, with_signatures=True), run_id, digest) if db else ()

    def marks(self, *, with_signatures: bool = False) -> tuple[SnapshotMark, ...]:
        """The snapshots that are frozen or revoked, oldest decision first.

        Raises:
            IntegrityError: names the event that was edited.
        """
        with reading(self.database) as db:
            return marks_in(chain.read(db, "", with_signatures=with_signatures)) if db else ()

    def seen(self, model: str) -> dict[int, tuple[str, ...]]:
        """Version of a model -> digests of the snapshots that it has seen.

        Raises:
            IntegrityError: names the event that was edited.
        """
        with reading(self.database) as db:
            return seen_by_versions(chain.read(db, model)) if db else {}

    def now(self) -> datetime:
        """The time by the ledger's clock, which never is before its newest event: a clock that is set back does not
        bring an expired waiver back."""
        with reading(self.database) as db:
            return _now(db, self.clock()) if db else self.clock()

    def events(self, model: str | None = None) -> tuple[Event, ...]:
        """The events of one model, checked as in `history`, or those of all models, unchecked; oldest first."""
        with reading(self.database) as db:
            if db is None:
                return ()
            return chain.read_all(db) if model is None else chain.read(db, model)

    @retried
    def wait(
        self, model: str, digest: str, run_id: str, seen_until: datetime, actor: Actor, grounds: Grounds
    ) -> ModelVersion:
        """Register a held candidate as the challenger. The champion's bytes and repeated requests write nothing."""
        key = idempotency_key(Waiting.type, model, digest, run_id)
        with writing(self.database) as db:
            history = _history(db, model, with_signatures=True)
            is_champion = history.head is not None and history.head.digest == digest
            if not is_champion and not _known(db, model, key):
                body = Waiting(
                    term=history.term,
                    version=history.number(digest),
                    digest=digest,
                    run_id=run_id,
                    seen_until=seen_until,
                    actor=actor,
                    grounds=grounds,
                )
                chain.append(db, model, body, idem=key, at=_now(db, self.clock()), signer=self.signer())
            versions = _history(db, model).versions
        return next(v for v in versions if v.digest == digest)

    @retried
    def promote(
        self,
        model: str,
        digest: str,
        run_id: str,
        seen_until: datetime,
        expected_term: int,
        actor: Actor,
        grounds: Grounds,
        check: Callable[[str], object] | None = None,
    ) -> Move:
        """Make the candidate champion, if the head is still the one that the candidate was compared with.

        Repeating a request (model, term, digest) returns the result of the first one.

        Args:
            expected_term: the term when the evidence was taken; 0 if there was no champion.
            check: called with the digest at the moment of the move, when nobody can free its files; raises if they are
                gone.

        Raises:
            ChampionMoved: the head has moved since.
            Refused: a waiver in the grounds is not, or no longer, in force; or a snapshot in them is revoked.
        """
        key = idempotency_key(Promotion.type, model, expected_term, digest)
        with writing(self.database) as db:
            history = _history(db, model, with_signatures=True)
            seq = _known(db, model, key)
            if seq:
                return _earlier(history, seq)
            if history.head and history.head.digest == digest:
                return Move(head=history.head, previous=history.head, outcome="unchanged")
            if history.term != expected_term:
                raise moved(history, model, expected_term, run_id)
            at = _now(db, self.clock())  # of the event, too: a waiver that is in force here is in force there
            if grounds.waivers:
                there = waivers_of(chain.read(db, model, with_signatures=True), run_id, digest)
                refuse_lapsed(grounds.waivers, there, run_id, at)
            refuse_revoked(grounds, marks_in(chain.read(db, "", with_signatures=True)), run_id)
            if check is not None:
                check(digest)
            body = Promotion(
                term=history.term + 1,
                version=history.number(digest),
                digest=digest,
                run_id=run_id,
                seen_until=seen_until,
                actor=actor,
                grounds=grounds,
            )
            return self._move(db, model, body, history, key, at)

    @retried
    def rollback(
        self,
        model: str,
        actor: Actor,
        to_version: int | None = None,
        expected_term: int | None = None,
        check: Callable[[str], object] | None = None,
    ) -> Move:
        """Make an earlier champion the champion again.

        Args:
            to_version: any version that was champion; None for the previous one, and a second call goes back one more.
            expected_term: the term that the person saw; None to accept any.
            check: see `promote`.

        Raises:
            UsageError: no such model or version, or nothing to go back to.
            ChampionMoved: the head is not that of `expected_term`.
            Refused: the version has seen a revoked snapshot, and another is left or the person has not named it with
                a reason.
        """
        self.rollback_target(model, to_version)  # raises before `writing` would create a file
        with writing(self.database) as db:
            history = _history(db, model, with_signatures=True)
            if expected_term is not None and expected_term != history.term:
                raise moved(history, model, expected_term, "")
            excused = to_version is not None and bool(actor.reason)
            to = _target(db, history, model, to_version, excused=excused)
            if check is not None:
                check(to.digest)
            body = Rollback(
                term=history.term + 1,
                version=to.version,
                digest=to.digest,
                run_id=to.run_id,
                seen_until=to.seen_until,
                actor=actor,
            )
            idem = idempotency_key(body.type, model, history.term)
            return self._move(db, model, body, history, idem, _now(db, self.clock()))

    def rollback_target(self, model: str, to_version: int | None = None) -> Head:
        """The head that `rollback` would go back to, so that its bytes can be checked first.

        Raises:
            UsageError: no such model or version, or nothing to go back to.
            Refused: the version has seen a revoked snapshot, and another is left or this one was not named.
        """
        with reading(self.database) as db:
            if db is None:
                raise no_model(model, ())
            history = _history(db, model, with_signatures=True)
            return _target(db, history, model, to_version, excused=to_version is not None)

    @retried
    def record(self, body: Decided, model: str = "") -> Event:
        """Add what a person has decided. The same envelope, once more, writes nothing and returns the first event.

        Args:
            model: the model that it concerns; "" if none.

        Raises:
            IntegrityError: the envelope is missing or says something else.
            UsageError: a waiver that has expired, or lasts too long.
        """
        said = check_decision(body.actor, action=body.type, model=model, content=content_of(body))
        idem = idempotency_key(body.type, model, read_decision(said).nonce)
        if isinstance(body, Waived):
            refuse_too_long(body.expires, self.now())  # raises before `writing` would create a file
        with writing(self.database) as db:
            if seq := _known(db, model, idem):
                return next(event for event in chain.read_all(db) if event.seq == seq)
            at = _now(db, self.clock())
            if isinstance(body, Waived):
                refuse_too_long(body.expires, at)
            return chain.append(db, model, body, idem=idem, at=at, signer=self.signer())

    @retried
    def revoke(self, key: str, actor: Actor) -> KnownKey:
        """Let a key sign nothing from now on. A key that is revoked already writes nothing.

        Args:
            key: its id, or the unique beginning of it.

        Raises:
            UsageError: the ledger knows no such key, or several.
        """
        one_key(self.keyring(), key)  # raises before `writing` would create a file
        with writing(self.database) as db:
            known = one_key(chain.keyring(db, with_signatures=True), key)
            if not known.revoked:
                body = KeyRevoked(key=known.key.id, actor=actor)
                idem = idempotency_key(body.type, body.key)
                chain.append(db, "", body, idem=idem, at=_now(db, self.clock()), signer=self.signer())
            return chain.keyring(db).keys[known.key.id]

    @contextmanager
    def unmoved(self) -> Generator[None]:
        """Nobody adds an event inside the block. The file exists."""
        with writing(self.database):
            yield

    def put_in_place(self, events: Iterable[Event], kept: Path, then: Restored | None = None) -> None:
        """Put these events in place of all that is there, at once or not at all; see `ledger.replacing`. The ledger is
        that of a workspace, in a file.

        Args:
            events: a whole chain, checked.
            kept: where what is there is kept.
            then: what a person has decided about it, as one more event.

        Raises:
            IntegrityError: they do not make a history, or the decision is not signed.
        """
        said = check_decision(then.actor, action=then.type, model="", content=content_of(then)) if then else None
        with replacing(self.path, kept) as db:
            for event in events:
                chain.copy(db, event)
                body = body_of(event)
                if isinstance(body, Promotion | Rollback):
                    move_head(db, event, body)
            if then is not None and said is not None:
                idem = idempotency_key(then.type, "", read_decision(said).nonce)
                chain.append(db, "", then, idem=idem, at=_now(db, self.clock()), signer=self.signer())

    def keyring(self) -> Keyring:
        """The keys that the ledger knows, with the events that add and revoke them checked, signatures too.

        Raises:
            IntegrityError: names the event that was edited.
        """
        with reading(self.database) as db:
            return chain.keyring(db, with_signatures=True) if db else Keyring()

    def newest(self) -> tuple[Event | None, Keyring]:
        """The last event, which is not checked, and the keys that the ledger knows."""
        with reading(self.database) as db:
            return (chain.last(db), chain.keyring(db)) if db else (None, Keyring())

    def has(self, seq: int, digest: str) -> bool:
        """Whether the event with this number has this hash, according to unchecked events."""
        with reading(self.database) as db:
            found = (
                db.execute(f"SELECT hash FROM event {db.unindexed} WHERE seq = ?", (seq,)).fetchone() if db else None
            )
        return found is not None and found[0] == digest

    def faults(self) -> tuple[str, ...]:
        """Everything wrong with the ledger; see `examine`."""
        return self.examine().faults

    def examine(self) -> chain.Examined:
        """All events, and everything wrong with the ledger: the database's own structures, the chain of all events with
        their signatures, heads against events.

        Raises:
            IntegrityError: the ledger cannot be read to its end.
        """
        with reading(self.database) as db:
            if db is None:
                return chain.Examined()
            events = chain.read_all(db)
            signed_by = check_ahead(events)  # meanwhile, what needs no signature
            broken, heads = db.faults(), None
            with suppress(IntegrityError):  # a head cannot be read, which is told below
                heads = stored_heads(db)
        # A server ends a transaction that waits, and to check signatures takes longer.
        found = chain.examine(events, signed_by())
        if found.faults or heads is None:
            with reading(self.database) as db:
                of_models = tuple(_faults_of_models(db)) if db else ()
        else:
            of_models = tuple(_faults_of_heads(heads, events))
        return replace(found, faults=tuple(dict.fromkeys([*broken, *found.faults, *of_models])))

    def _move(
        self, db: Transaction, model: str, body: Promotion | Rollback, history: History, idem: str, at: datetime
    ) -> Move:
        event = chain.append(db, model, body, idem=idem, at=at, signer=self.signer())
        return Move(head=move_head(db, event, body), previous=history.head, outcome="promoted")


def _history(db: Transaction, model: str, *, with_signatures: bool = False) -> History:
    """The history from the events; refused if the head differs, so that nothing is built on an edited head."""
    history = tell(chain.read(db, model, with_signatures=with_signatures))
    stored = stored_heads(db, model).get(model)
    if stored != history.head:
        raise IntegrityError(unlike(model, stored, history.head))
    return history


def _target(db: Transaction, history: History, model: str, to_version: int | None, *, excused: bool) -> Head:
    to = target(history, model, to_version, tuple(stored_heads(db)))
    marks = marks_in(chain.read(db, "", with_signatures=True))
    if marks:
        refuse_rollback(to, history, seen_by_versions(chain.read(db, model)), marks, excused=excused)
    return to


def _now(db: Transaction, clock: datetime) -> datetime:
    newest = chain.last(db)
    if newest is None:
        return db.moment(clock, "")
    return max(db.moment(clock, newest.at), moment(newest.at, f"event {newest.seq}"))


def _models(db: Transaction) -> tuple[str, ...]:
    events, heads = f"FROM event {db.unindexed} WHERE model != ''", f"FROM head {db.unindexed}"
    rows = db.execute(f"SELECT model {events} UNION SELECT model {heads} ORDER BY 1")
    return tuple(str(row[0]) for row in rows)


def _knows(db: Transaction) -> Callable[[str, int, str, int], bool]:
    version, digest, term = (db.of_body(name) for name in ("version", "digest", "term"))
    columns = f"model, CAST({version} AS INTEGER), {digest}, max(CAST(coalesce({term}, '0') AS INTEGER))"
    rows = db.execute(f"SELECT {columns} FROM event {db.unindexed} GROUP BY 1, 2, 3").fetchall()
    versions = {(model, version, digest) for model, version, digest, _ in rows}
    terms: dict[str, int] = {}
    for model, _, _, term in rows:
        terms[model] = max(term, terms.get(model, 0))
    return lambda model, version, digest, term: (model, version, digest) in versions and term <= terms[model]


def _faults_of_models(db: Transaction) -> Iterator[str]:
    for model in _models(db):
        try:
            _history(db, model)
        except IntegrityError as error:
            yield error.what


def _faults_of_heads(heads: Mapping[str, Head], events: Iterable[Event]) -> Iterator[str]:
    """As `_faults_of_models`, without reading events once more for each model: right if all events are whole."""
    told = by_model(events)
    for model in sorted({*told, *heads}, key=str):
        try:
            head = tell(told.get(model, ())).head
        except IntegrityError as error:
            yield error.what
            continue
        if head != heads.get(model):
            yield unlike(model, heads.get(model), head)


def _known(db: Transaction, model: str, key: str) -> int:
    row = db.execute("SELECT seq FROM event WHERE idem = ? AND model = ?", (key, model)).fetchone()
    return int(row[0]) if row else 0


def _earlier(history: History, seq: int) -> Move:
    head = next(head for head in history.heads if head.event_seq == seq)
    previous = history.heads[head.term - 2] if head.term > 1 else None
    return Move(head=head, previous=previous, outcome="promoted")
