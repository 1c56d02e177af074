"""The folder of one run: one record a door, each written atomically when its door is passed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from raytemplate.budget import Meter, Spent
from raytemplate.code.load import CODE
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.errors import IntegrityError
from raytemplate.execution.attempts import charged, spent_in
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import EpochRecord, FitResult, Restart, TrainingStart, WarmStart, WorkersLost
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Precedents, VerdictRecord
from raytemplate.records.labelled import LabelChanges
from raytemplate.records.profiled import DataProfile
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.reproduced import Reproduction
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.submitted import ClusterWork, SubmittedJob
from raytemplate.records.swept import SweepResult, TrialBegun, TrialRecord
from raytemplate.redact import redact
from raytemplate.store.atomic import append_line, read_lines, write_atomic, write_first
from raytemplate.store.workspace import Workspace

T = TypeVar("T")

RECORDS: dict[type, str] = {
    RunStart: "run.json",
    SubmittedJob: "job.json",
    Snapshot: "snapshot.json",
    DataProfile: "raw-profile.json",
    LabelChanges: "label-changes.json",
    FittedFeatures: "features.json",
    TrialBegun: "begun.json",
    SweepResult: "sweep.json",
    WarmStart: "warm-start.json",
    FitResult: "fit.json",
    Evaluation: "evaluation.json",
    ClusterWork: "cluster.json",
    Precedents: "precedents.json",
    VerdictRecord: "verdict.json",
    PromotionRecord: "promotion.json",
    RunEnd: "end.json",
}
LOCK = "run.lock"
TRIALS = "trials.jsonl"
STARTS = "starts.jsonl"
EPOCHS = "epochs.jsonl"
STATEMENT = "lineage.json"
_PASSED = "passed.jsonl"
_REPRODUCED = "reproduced.jsonl"


@dataclass(frozen=True, slots=True)
class Passed:
    """A line of `passed.jsonl`: the digest of a file that the run has written."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Journal:
    """Reads and writes the records of one run folder."""

    folder: Path
    """The run's folder; its name is the run's id."""
    also: Path | None = None
    """Another folder of the same run: records missing in `folder` are read from it, and files with one record a line
    are read from it alone. The run's end is never read from it, because there it is only the end of a job."""

    @property
    def run_id(self) -> str:
        """The run's id: the folder's name."""
        return self.folder.name

    @property
    def checkpoints(self) -> Path:
        """Where training leaves its checkpoints."""
        return self.folder / "checkpoints"

    @property
    def model(self) -> Path:
        """Where the candidate is put together before it is frozen in the store."""
        return self.folder / "model"

    @property
    def start(self) -> Path:
        """The champion that training starts from; absent if it starts from none."""
        return self.folder / "start"

    @property
    def code(self) -> Path:
        """The user's own modules as they were when the run was made; absent if it uses none."""
        return self.folder / CODE

    @property
    def active(self) -> Path:
        """Lock held by the process that works on the run; the kernel releases it when the process dies."""
        return self.folder / "active"

    @property
    def log(self) -> Path:
        """Everything Ray prints."""
        return self.folder / "ray.log"

    def note(self, text: str) -> None:
        """Add a line of our own to what Ray prints, secrets redacted. A line that cannot be written is left out."""
        with suppress(OSError), self.log.open("a") as log:
            log.write(f"{redact(text)}\n")

    @property
    def events(self) -> Path:
        """What happened, one JSON object a line; see `run_log`."""
        return self.folder / "log.jsonl"

    def write(self, record: object) -> None:
        """Keep a record, atomically: it exists whole or not at all."""
        self.keep(RECORDS[type(record)], codec.dumps(record))

    def write_first(self, record: object) -> bool:
        """Keep a record unless one of its kind exists; whether this one was the first."""
        name, data = RECORDS[type(record)], codec.dumps(record)
        self._keep_digest(name, data)
        return write_first(self.folder / name, data)

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file of the run, its digest first, so that a later edit is noticed when the file is read."""
        self._keep_digest(name, data)
        write_atomic(self.folder / name, data)

    def _keep_digest(self, name: str, data: bytes) -> None:
        line = {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
        append_line(self.folder / _PASSED, json.dumps(line).encode())

    def load(self, kind: type[T], name: str) -> T | None:
        """What a file of the run holds, or None if there is no such file.

        Raises:
            IntegrityError: it is damaged, written by a newer version, or not what the run wrote.
        """
        path = self.folder / name
        if not path.exists():
            return None if self.also is None or kind is RunEnd else Journal(self.also).load(kind, name)
        data = path.read_bytes()
        found = codec.loads(kind, data, where=str(path))
        self._refuse_edited(path, data)
        return found

    def bytes_of(self, name: str) -> bytes | None:
        """A file that the run has kept, or None if there is no such file.

        Raises:
            IntegrityError: it is not what the run wrote.
        """
        path = self.folder / name
        if not path.exists():
            return None
        data = path.read_bytes()
        self._refuse_edited(path, data)
        return data

    def _refuse_edited(self, path: Path, data: bytes) -> None:
        # Every digest ever written counts: a process may have been killed between a new digest and its file.
        written = {line.sha256 for line in self.passed() if line.file == path.name}
        if written and hashlib.sha256(data).hexdigest() not in written:
            raise IntegrityError(
                f"{path}: was changed after the run had written it; the run no longer proves anything",
                next_step="start a new run",
            )

    def passed(self) -> tuple[Passed, ...]:
        """The digest of every file that the run has written, in the order they were written."""
        return Journal(self.folder)._lines(Passed, _PASSED)

    def write_statistics(self, statistics: Mapping[str, FeatureStatistics]) -> None:
        """Keep the statistics of every window."""
        document = {"schema": codec.SCHEMA_VERSION, "windows": codec.encode(dict(statistics))}
        write_atomic(self.folder / "profile.json", json.dumps(document, ensure_ascii=False).encode())

    def statistics(self) -> Mapping[str, FeatureStatistics]:
        """The statistics of every window; empty if ingest has not ended, or an incompatible version wrote them."""
        path = self.folder / "profile.json"
        if not path.exists():
            return {} if self.also is None else Journal(self.also).statistics()
        windows: Mapping[str, object] = json.loads(path.read_bytes())["windows"]
        try:
            return {name: codec.decode(FeatureStatistics, found) for name, found in windows.items()}
        except ValueError:  # only people read them; nothing is decided by them
            return {}

    def read(self, kind: type[T]) -> T | None:
        """The record of that kind, or None if its door has not been passed.

        Raises:
            IntegrityError: see `load`.
        """
        return self.load(kind, RECORDS[kind])

    def need(self, kind: type[T]) -> T:
        """The record of that kind.

        Raises:
            IntegrityError: it is missing.
        """
        found = self.read(kind)
        if found is None:
            path = self.folder / RECORDS[kind]
            raise IntegrityError(f"{path}: missing", next_step=f"raytemplate resume {self.run_id}")
        return found

    def supersede(self, kind: type) -> None:
        """Rename a record to a numbered name: it becomes history, and its door is open again."""
        path = self.folder / RECORDS[kind]
        if path.exists():
            number = len(list(self.folder.glob(f"{path.stem}.superseded-*.json"))) + 1
            path.rename(path.with_name(f"{path.stem}.superseded-{number}.json"))

    def add_epoch(self, record: EpochRecord) -> None:
        """Keep one epoch's record."""
        append_line(self.folder / EPOCHS, json.dumps(codec.encode(record)).encode())

    def told_epochs(self) -> tuple[EpochRecord, ...]:
        """Every epoch ever trained, in the order of training; some occur more than once if training went back."""
        return self._lines(EpochRecord, EPOCHS)

    def epochs(self) -> tuple[EpochRecord, ...]:
        """The epochs so far, each once: the last record of a repeated epoch, and none of those that training has
        discarded by going back.
        """
        back = {start.num_told: start.from_epoch for start in self.starts()}
        found: dict[int, EpochRecord] = {}
        for number, record in enumerate(self.told_epochs()):
            if number in back:
                found = {epoch: held for epoch, held in found.items() if epoch <= back[number]}
            found[record.epoch] = record
        return tuple(found[epoch] for epoch in sorted(found))

    def add_start(self, record: TrainingStart | WorkersLost) -> None:
        """Record that workers began to train, or were lost."""
        append_line(self.folder / STARTS, json.dumps(codec.encode(record)).encode())

    def starts(self) -> tuple[TrainingStart, ...]:
        """Every start of training so far, in order."""
        return tuple(record for record in self._starts_and_losses() if isinstance(record, TrainingStart))

    def restarts(self) -> tuple[Restart, ...]:
        """The losses of workers so far, each with the start that followed it."""
        found: list[Restart] = []
        records = self._starts_and_losses()
        for index, record in enumerate(records):
            if isinstance(record, WorkersLost):
                after = next((one for one in records[index:] if isinstance(one, TrainingStart)), None)
                found.append(
                    Restart(
                        at=record.at,
                        why=record.why,
                        from_epoch=after.from_epoch if after else 0,
                        num_workers=after.num_workers if after else 0,
                    )
                )
        return tuple(found)

    def _starts_and_losses(self) -> tuple[TrainingStart | WorkersLost, ...]:
        return self._lines(TrainingStart | WorkersLost, STARTS)

    def add_trial(self, record: TrialRecord) -> None:
        """Keep the record of one trial that ended."""
        append_line(self.folder / TRIALS, json.dumps(codec.encode(record)).encode())

    def trials(self) -> tuple[TrialRecord, ...]:
        """The trials that have ended so far, in the order in which they ended."""
        return self._lines(TrialRecord, TRIALS)

    def _lines(self, kind: Any, name: str) -> tuple[Any, ...]:
        """The records of a file that holds one a line; a torn last line is left out.

        Raises:
            IntegrityError: a line holds no such record; names the line.
        """
        path = self.folder / name
        if self.also is not None and (self.also / name).exists():
            path = self.also / name
        return tuple(
            codec.loads_line(kind, line, where=f"{path}:{number}") for number, line in enumerate(read_lines(path), 1)
        )

    def trial(self, number: int) -> Journal:
        """The journal of one trial: how it began, its epochs and its checkpoints."""
        return Journal(self.trial_folders / f"{number:05d}")

    @property
    def trial_folders(self) -> Path:
        """Holds a folder for each trial that runs or has the best model so far."""
        return self.folder / "trials"

    def begun(self) -> tuple[TrialBegun, ...]:
        """The trials that have begun but not ended, in the order of their numbers."""
        ended = {record.number for record in self.trials()}
        found = (Journal(folder).read(TrialBegun) for folder in sorted(self.trial_folders.glob("*")))
        return tuple(one for one in found if one is not None and one.number not in ended)

    def add_reproduction(self, record: Reproduction) -> None:
        """Record that the run was trained again."""
        append_line(self.folder / _REPRODUCED, json.dumps(codec.encode(record)).encode())

    def reproductions(self) -> tuple[Reproduction, ...]:
        """How often the run was trained again, and what came of it, in order."""
        return Journal(self.folder)._lines(Reproduction, _REPRODUCED)

    def spent(self) -> Spent:
        """What processes have spent on this run, however they ended."""
        return spent_in(self.folder)

    def attempt(self, meter: Meter) -> AbstractContextManager[Path]:
        """Charge this process to the run; yields the file that holds the charge."""
        return charged(self.folder, meter)


def journals(workspace: Workspace) -> list[Journal]:
    """Every run of a workspace."""
    return [Journal(path.parent) for path in workspace.runs.glob("*/run.json")] if workspace.runs.exists() else []
