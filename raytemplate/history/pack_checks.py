"""The checks of a pack, one function each. They note what is wrong and go on, so that all of it is found."""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from raytemplate.data.snapshot import snapshot_of
from raytemplate.errors import IntegrityError, RaytemplateError
from raytemplate.execution.journal import LOCK, RECORDS, Passed
from raytemplate.execution.lock import RunLock
from raytemplate.history.pack import LEDGER, MODEL_FOLDER, PACK, RECORDS_FOLDER, SIGNATURE, Pack, entry_of
from raytemplate.ledger.bodies import Grounds, OfModel, Promotion, Waiting
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.events import Event, body_of
from raytemplate.ledger.exported import read_exported
from raytemplate.planning.stages import id_of
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunStart
from raytemplate.reports.wording import short
from raytemplate.store.digests import sha256_bytes
from raytemplate.store.manifest import MANIFEST_NAME, Manifest

T = TypeVar("T")
_LOCK, _PASSED, _MANIFEST = (
    f"{RECORDS_FOLDER}/{LOCK}",
    f"{RECORDS_FOLDER}/passed.jsonl",
    f"{MODEL_FOLDER}/{MANIFEST_NAME}",
)


def _file_of(kind: type) -> str:
    """Where the pack has a record."""
    return _LOCK if kind is RunLock else f"{RECORDS_FOLDER}/{RECORDS[kind]}"


_EVALUATION, _PROMOTION = _file_of(Evaluation), _file_of(PromotionRecord)


@dataclass
class Checks:
    """A pack whose list could be read, and what is found wrong with it."""

    files: Mapping[str, bytes]
    """Name -> bytes of every file that could be read."""

    about: Pack
    """What the pack says of itself."""

    unread: frozenset[str]
    """Files that could not be read, of which that is told already."""

    faults: dict[str, None] = field(default_factory=dict[str, None])
    """What is wrong, in the order in which it was found."""

    chain: Examined = field(default_factory=Examined)
    """The ledger's events; none until `ledger` has been called."""

    bound: str = ""
    """The event that names these records, in words."""

    unbound: str = ""
    """Why no event does, in words."""

    def note(self, *faults: str) -> None:
        """Remember what is wrong."""
        self.faults |= dict.fromkeys(faults)

    @contextmanager
    def noted(self) -> Generator[None]:
        """Remember an error that ends the block; the next check goes on."""
        try:
            yield
        except RaytemplateError as error:
            self.note(error.what)

    def listed(self) -> None:
        """Every file is there and as it is listed, and there is no other."""
        expected = {entry.name: entry for entry in self.about.files}
        for name in sorted({*expected, *self.files} - {PACK, SIGNATURE} - self.unread):
            if name not in self.files:
                self.note(f"{name}: missing, {PACK} lists it")
            elif name not in expected:
                self.note(f"{name}: added, {PACK} does not list it")
            elif entry_of(name, self.files[name]) != expected[name]:
                self.note(f"{name}: altered, its digest is not the one that {PACK} lists")

    def model(self) -> None:
        """The candidate's files are those that its digest stands for."""
        manifest = self._loaded(Manifest, _MANIFEST)
        if manifest is None:
            return
        if manifest.digest != self.about.digest:
            self.note(f"{_MANIFEST}: lists another model than {short(self.about.digest)}")
        expected = {f"{MODEL_FOLDER}/{e.name}": e.sha256 for e in manifest.files} if self.about.has_model else {}
        there = {name for name in self.files if name.startswith(f"{MODEL_FOLDER}/")} - {_MANIFEST}
        for name in sorted((there | expected.keys()) - self.unread):
            if name not in there or name not in expected or sha256_bytes(self.files[name]) != expected[name]:
                self.note(f"{name}: not the file that {_MANIFEST} lists")

    def records(self) -> None:
        """The records are what the run wrote, and all about the same run, candidate, plan and data."""
        written: dict[str, set[str]] = {}
        for number, line in enumerate(self.files.get(_PASSED, b"").split(b"\n")[:-1], start=1):
            one: Passed = codec.loads_line(Passed, line, where=f"{_PASSED}:{number}")
            written.setdefault(f"{RECORDS_FOLDER}/{one.file}", set()).add(one.sha256)
        for name in sorted(written.keys() & self.files.keys()):
            if sha256_bytes(self.files[name]) not in written[name]:
                self.note(f"{name}: not what the run wrote, says {_PASSED}")
        for kind, what, found, expected in self._told():
            if found != expected:
                self.note(f"{_file_of(kind)}: is about {what} {found}, expected {expected}")

    def _told(self) -> Iterator[tuple[type, str, object, object]]:
        """(record, what it says, that, what it must be) of everything that records say twice."""
        about, evaluation = self.about, self._record(Evaluation)
        lock, snapshot = self._loaded(RunLock, _LOCK), self._record(Snapshot)
        if lock:
            yield RunLock, "model", lock.plan.name, about.model
            yield RunLock, "plan", id_of(self._document(_LOCK)["plan"]), lock.plan.id
        if start := self._record(RunStart):
            yield RunStart, "run", start.run_id, about.run_id
        if fit := self._record(FitResult):
            yield FitResult, "candidate", fit.candidate.digest, about.digest
        if verdict := self._record(VerdictRecord):
            yield VerdictRecord, "candidate", verdict.candidate_digest, about.digest
        if evaluation:
            yield Evaluation, "candidate", evaluation.candidate_digest, about.digest
        if snapshot and evaluation:
            yield Snapshot, "snapshot", snapshot.digest, evaluation.test_snapshot
        if snapshot and lock:
            yield Snapshot, "snapshot", snapshot.digest, _digest_of(snapshot, lock)
        if promotion := self._record(PromotionRecord):
            yield PromotionRecord, "model", promotion.model, about.model
            yield PromotionRecord, "candidate", promotion.digest, about.digest
            yield PromotionRecord, "version", promotion.version, about.version

    def ledger(self) -> None:
        """The chain of events is whole and signed."""
        if LEDGER not in self.files:
            return
        self.chain = read_exported(self.files[LEDGER], where=LEDGER)
        self.note(*self.chain.faults)
        found = (self.chain.ring.ledger, len(self.chain.events))
        if found != (self.about.ledger, self.about.num_events):
            self.note(f"{LEDGER}: {found[1]} events of ledger {found[0] or '-'}, {PACK} says otherwise")

    def binding(self) -> None:
        """An event says what became of the candidate, and names its plan, its evaluation and its test data."""
        promotion, evaluation, lock = self._record(PromotionRecord), self._record(Evaluation), self._document(_LOCK)
        if evaluation is None or not lock:
            return
        own = [(e, b) for e, b in self._of_model() if b.run_id == self.about.run_id and b.digest == self.about.digest]
        judged = [(event, body) for event, body in own if isinstance(body, Waiting | Promotion)]
        outcome = promotion.outcome if promotion else None
        if promotion is None or outcome in ("shown", "unchanged") or (outcome == "asked" and not judged):
            self._without_event(promotion, judged)
            return
        says = [(e, b) for e, b in judged if (b.type, b.version) == (promotion.outcome, promotion.version)]
        if outcome == "asked":  # the promoter has answered, and the run has not read that yet
            says = judged
        if promotion.outcome == Promotion.type:
            says = [(event, body) for event, body in says if body.term == promotion.term]
        if not says:
            self.note(f"{_PROMOTION}: says {promotion.outcome}, version {promotion.version}; no event does")
            return
        event, body = says[-1]
        self._compare(event, body.grounds, lock["plan"]["id"], evaluation)

    def _compare(self, event: Event, grounds: Grounds, plan: str, evaluation: Evaluation) -> None:
        document = {name: value for name, value in self._document(_EVALUATION).items() if name != "schema"}
        digest = sha256_bytes(codec.canonical_of_plain(document).encode())
        if not grounds.evaluation_sha256:
            self.unbound = f"event {event.seq} is of an earlier version, which named no evaluation"
            return
        for name, what, found, expected in (
            (_LOCK, "plan", plan, grounds.plan),
            (_EVALUATION, "evaluation", digest, grounds.evaluation_sha256),
            (_EVALUATION, "test data", evaluation.test_snapshot, grounds.snapshot),
        ):
            if found != expected:
                self.note(f"{name}: event {event.seq} names {what} {short(expected)}, and this is {short(found)}")
        by = f"signed by key {event.key}" if event.key else "not signed"
        self.bound = (
            f"event {event.seq} ({event.type}, {by}) names this model, plan {plan}, evaluation {short(digest)} and "
            f"test data {short(evaluation.test_snapshot)}"
        )

    def _without_event(
        self, promotion: PromotionRecord | None, judged: list[tuple[Event, Waiting | Promotion]]
    ) -> None:
        if judged and (promotion is None or promotion.outcome == "shown"):
            event = judged[-1][0]
            self.note(f"{_PROMOTION}: event {event.seq} says {event.type}, and the records do not")
        elif promotion is None:
            self.unbound = "no event names this run: its candidate was rejected"
        elif promotion.outcome == "asked":
            self.unbound = "no event names this run: its team's promoter has not decided"
        elif promotion.outcome == "shown":
            self.unbound = f"no event names this run: its variant {promotion.variant} is not promotable"
        else:
            same = [e for e, b in self._of_model() if (b.version, b.digest) == (promotion.version, promotion.digest)]
            if not same:
                self.note(f"{_PROMOTION}: says that its bytes were version {promotion.version}; no event does")
            else:
                self.unbound = f"no event of its own: event {same[0].seq} had made the same bytes a version"

    def _of_model(self) -> Iterator[tuple[Event, OfModel]]:
        for event in self.chain.events:
            body = body_of(event) if event.model == self.about.model else None
            if isinstance(body, OfModel):
                yield event, body

    def _record(self, kind: type[T]) -> T | None:
        return self._loaded(kind, _file_of(kind))

    def _loaded(self, kind: type[T], name: str) -> T | None:
        with self.noted():
            return codec.loads(kind, self.files[name], where=name) if name in self.files else None
        return None

    def _document(self, name: str) -> dict[str, Any]:
        """A record as plain values, as it was written; empty if it is not there or no record."""
        if self._loaded(RunLock if name == _LOCK else Evaluation, name) is None:
            return {}
        return json.loads(self.files[name])


def _digest_of(snapshot: Snapshot, lock: RunLock) -> str:
    """The digest of a snapshot, from what the plan and the snapshot say was read."""
    rows = {window.name: window.num_rows for window in snapshot.windows}
    dropped = {window.name: window.num_dropped for window in snapshot.windows}
    try:
        return snapshot_of(lock.plan.ingest, snapshot.files, rows, dropped, snapshot.engine, snapshot.contract).digest
    except KeyError as error:
        raise IntegrityError(f"{RECORDS[Snapshot]}: has no window {error}, which the plan has") from error
