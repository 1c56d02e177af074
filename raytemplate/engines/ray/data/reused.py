"""Takes over rows that an earlier run has encoded, if they are the same; else reads them, and keeps them for later."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import ray

from raytemplate.data.sources.stamps import Stamps
from raytemplate.engines.ray.data.ingest import OpenData, open_data, quiet_data
from raytemplate.engines.ray.data.pieces import is_read_alone
from raytemplate.errors import IntegrityError
from raytemplate.execution.encoded_rows import EncodedRows, StoredRows, files_of, num_bytes
from raytemplate.planning.encoded_key import EncodedKey, encoded_key
from raytemplate.planning.reuse import ELSEWHERE, SOURCES, find, never_reused, sources_of, stamps_now
from raytemplate.planning.stages import IngestStage, RunPlan
from raytemplate.records import codec
from raytemplate.records.contracted import QUARANTINE
from raytemplate.records.encoded import EncodedEntry
from raytemplate.records.ingested import ReusedFrom, Snapshot
from raytemplate.store.atomic import write_atomic
from raytemplate.store.content_store import kept_beside
from raytemplate.store.encoded_store import EncodedStore, HashedFile, Stored, encoded_beside
from raytemplate.units import show_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Reusing:
    """One run's dealings with the store of encoded rows."""

    plan: RunPlan
    """The run's plan."""
    folder: Path
    """The run's folder."""
    before_reading: Callable[[], None] = lambda: None
    """Called before rows are read by a single worker."""

    @property
    def store(self) -> EncodedStore:
        """The store of the run's workspace."""
        return encoded_beside(self.folder)

    @property
    def quarantine(self) -> Path:
        """The run's file of quarantined rows."""
        return self.folder / QUARANTINE

    def open(self, stage: IngestStage, expected: Snapshot | None) -> OpenData:
        """The stage's rows, taken over or read; see `open_data`."""
        reuse = self.plan.reuse
        if reuse is None or not reuse.allowed or never_reused(stage):
            return self._read(stage, expected)
        if not _on_this_machine():
            note = f"nothing is reused: {ELSEWHERE.why}"
            return _with_notes(self._read(stage, expected), (note,) if reuse.run_id else ())
        key, stamps = encoded_key(stage, self.plan.code.sha256), stamps_now(stage)
        found = find(key, lambda: stamps, self.plan.name, self.store, kept_beside(self.folder))
        notes = tuple(f"{one.what}; it was kept from an earlier run and was discarded" for one in found.damaged)
        for one in found.damaged:
            self.store.remove(one.folder)
        if found.stored is not None:
            data, problem = self._take_over(found.stored, stage, expected)
            if data is not None:
                return _with_notes(data, notes)
            notes += (problem,) if problem else ()
        elif reuse.run_id and found.why and not notes:
            notes = (f"nothing is reused: {found.why}",)
        data = self._read(stage, expected)
        return _with_notes(data, (*notes, *self._keep(data, key, stamps)))

    def _read(self, stage: IngestStage, expected: Snapshot | None) -> OpenData:
        if is_read_alone(stage):
            self.before_reading()
        return open_data(stage, expected, self.quarantine, kept_beside(self.folder))

    def _take_over(self, stored: Stored, stage: IngestStage, expected: Snapshot | None) -> tuple[OpenData | None, str]:
        """The rows of an entry; or None, and what to tell about it."""
        about = stored.about
        try:
            if about.kept_rows:
                kept_beside(self.folder).open(about.kept_rows)
            held = StoredRows(functools.partial(self.store.read, stored), tuple(file.name for file in about.files))
            ingested = held.ingested()
            if expected is not None and expected.digest != ingested.snapshot.digest:
                return None, ""  # the rows are not those that this run read before: reading tells how they differ
            quiet_data()
            refs = {window: ray.put(held.arrays(window)) for window in held.windows()}
            rows = {window: ray.put(table) for window, table in held.rows().items()}
            test, quarantined = held.test(), held.quarantine()
        except (IntegrityError, KeyError, TypeError, ValueError) as error:
            if not stored.folder.is_dir():
                return None, ""  # another run has made room meanwhile
            self.store.remove(stored.folder)
            what = error.what if isinstance(error, IntegrityError) else f"{stored.folder}: {error}"
            return None, f"{what}; it was kept from run {about.run_id} and was discarded: the rows are read again"
        self._put_quarantine(quarantined)
        self.store.use(stored)
        snapshot = replace(ingested.snapshot, reused=ReusedFrom(run_id=about.run_id, at=about.at))
        ingested = replace(ingested, snapshot=snapshot)
        return OpenData(stage=stage, ingested=ingested, refs=refs, streams={}, test=test, rows=rows), ""

    def _put_quarantine(self, content: bytes | None) -> None:
        if content is None:
            self.quarantine.unlink(missing_ok=True)
        else:
            write_atomic(self.quarantine, content)

    def _keep(self, data: OpenData, key: EncodedKey, before: Stamps) -> tuple[str, ...]:
        """Keep the rows for later runs. A failure is reported and does not affect the run.

        Args:
            before: the stamps of the files before they were read.
        """
        if before.missing or not before.is_settled or stamps_now(data.stage).of != before.of:
            return ()  # a file may have changed without anybody being able to tell
        assert not isinstance(data.test, ray.data.Dataset)  # the rows are in memory
        rows = EncodedRows(
            ingested=data.ingested,
            arrays={window: ray.get(ref) for window, ref in data.refs.items()},
            test=data.test,
            rows={window: ray.get(ref) for window, ref in data.rows.items()},
        )
        sources = codec.dumps(sources_of(key, before))

        def write_sources(file: HashedFile) -> None:
            file.write(sources)

        about = EncodedEntry(
            key=key.text,
            parts=key.parts,
            template=self.plan.name,
            run_id=self.folder.name,
            at=datetime.now(UTC),
            kept_rows=data.ingested.snapshot.kept,
            files=(),
        )
        try:
            most = self.store.room_bytes()
            if (need := num_bytes(rows)) > most:
                return (f"the encoded rows are not kept: {show_bytes(need)}, at most {show_bytes(most)} are kept",)
            self.store.keep(about, {SOURCES: write_sources, **files_of(rows, self.quarantine)})
            self.store.make_room(most)
        except OSError as error:
            return (f"the encoded rows are not kept: {self.store.root}: {error.strerror or error}",)
        return ()


def _on_this_machine() -> bool:
    """Whether Ray has this machine alone: the nodes of a cluster may see other files under the same paths."""
    return sum(bool(node["Alive"]) for node in ray.nodes()) == 1


def _with_notes(data: OpenData, notes: tuple[str, ...]) -> OpenData:
    return replace(data, ingested=replace(data.ingested, notes=notes)) if notes else data
