"""Checkpoints of one run: complete or absent, and verified before use; after any stop the newest good one is found."""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.loss import loss
from raytemplate.records import codec
from raytemplate.records.fitted import EpochRecord
from raytemplate.store.manifest import verify, write_manifest

_SCORE = "score.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A verified checkpoint. One made in the middle of an epoch has no score."""

    folder: Path
    epoch: int
    """The last whole epoch that it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored(Checkpoint):
    """A checkpoint from the end of an epoch, with its validation metric."""

    validation: float
    """Always finite."""
    record: EpochRecord | None = None
    """The epoch's record; its line in the journal is written after the checkpoint. None in older checkpoints."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints below one folder."""

    folder: Path

    def save(
        self,
        epoch: int,
        validation: float | None,
        write: Callable[[Path], None],
        *,
        steps: int = 0,
        record: EpochRecord | None = None,
    ) -> Path:
        """A new checkpoint: written aside, its manifest last, then renamed into place.

        Args:
            steps: steps done of the epoch after `epoch`, for a checkpoint made inside it; `validation` is then None.
            record: see `Scored`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"epoch-{epoch:05d}" + (f".{steps:09d}" if steps else "")
        scratch, final = self.folder / f".{name}", self.folder / name
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            write(scratch)
            score = {"epoch": epoch, "validation": validation, "record": codec.encode(record)}
            (scratch / _SCORE).write_text(json.dumps(score))
            write_manifest(scratch)
        except BaseException:
            # A torn folder is useless and may be what fills the disk.
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        shutil.rmtree(final, ignore_errors=True)
        scratch.rename(final)
        return final

    def folders(self) -> tuple[Path, ...]:
        """Folders of finished checkpoints, oldest first, unverified."""
        return tuple(sorted(self.folder.glob("epoch-*")))

    def read(self, folder: Path) -> Checkpoint:
        """One checkpoint, every byte verified.

        Raises:
            IntegrityError: a file is missing, torn or changed.
        """
        verify(folder)
        score = json.loads((folder / _SCORE).read_text())
        if score["validation"] is None:
            return Checkpoint(folder=folder, epoch=score["epoch"])
        record = codec.decode(EpochRecord, score["record"]) if score.get("record") else None
        return Scored(folder=folder, epoch=score["epoch"], validation=score["validation"], record=record)

    def good(self) -> tuple[tuple[Checkpoint, ...], tuple[str, ...]]:
        """All good checkpoints, oldest first, and what was wrong with the others."""
        good: list[Checkpoint] = []
        bad: list[str] = []
        for folder in self.folders():
            try:
                good.append(self.read(folder))
            except IntegrityError as error:
                bad.append(error.what)
        return tuple(good), tuple(bad)

    def best(self, higher_is_better: bool) -> Scored:
        """The good checkpoint with the best validation metric, the earliest if several tie. Never one inside an epoch.

        Raises:
            IntegrityError: no checkpoint is good.
        """
        return min(self._scored(), key=lambda c: (loss(c.validation, higher_is_better=higher_is_better), c.epoch))

    def last(self) -> Scored:
        """The good checkpoint of the newest whole epoch.

        Raises:
            IntegrityError: none is good.
        """
        return self._scored()[-1]

    def _scored(self) -> list[Scored]:
        good, bad = self.good()
        scored = [checkpoint for checkpoint in good if isinstance(checkpoint, Scored)]
        if not scored:
            raise IntegrityError("no good checkpoint is left: " + ("; ".join(bad) or "there is none"))
        return scored

    def prune(self, keep: int, best_epochs: Iterable[int], newest: str = "") -> None:
        """Remove all but the newest `keep` and the best.

        Args:
            newest: name of the checkpoint saved last. Any beyond it were refused when training went back before them.
        """
        upto = [folder.name for folder in self.folders() if not newest or folder.name <= newest]
        names = {f"epoch-{epoch:05d}" for epoch in best_epochs} | set(upto[-keep:])
        for folder in self.folders():
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)
