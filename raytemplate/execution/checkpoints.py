"""Checkpoints of one run: complete or absent, verified before use, the newest good one found after any stop."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.store.manifest import verify, write_manifest

_SCORE = "score.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A verified checkpoint: its folder, its epoch and its validation metric (always finite)."""

    folder: Path
    epoch: int
    validation: float


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints below one folder."""

    folder: Path

    def save(self, epoch: int, validation: float, write: Callable[[Path], None]) -> Path:
        """A new checkpoint: written aside, its manifest last, then renamed into place."""
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch, final = self.folder / f".epoch-{epoch:05d}", self.folder / f"epoch-{epoch:05d}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            write(scratch)
            (scratch / _SCORE).write_text(json.dumps({"epoch": epoch, "validation": validation}))
            write_manifest(scratch)
        except BaseException:
            # A torn folder is worth nothing and may be what fills the disk.
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        shutil.rmtree(final, ignore_errors=True)
        scratch.rename(final)
        return final

    def folders(self) -> tuple[Path, ...]:
        """Folders of finished checkpoints, oldest epoch first, unverified."""
        return tuple(sorted(self.folder.glob("epoch-*")))

    def read(self, folder: Path) -> Checkpoint:
        """One checkpoint, every byte verified.

        Raises:
            IntegrityError: a file is missing, torn or changed.
        """
        verify(folder)
        score = json.loads((folder / _SCORE).read_text())
        return Checkpoint(folder=folder, epoch=score["epoch"], validation=score["validation"])

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

    def best(self, higher_is_better: bool) -> Checkpoint:
        """The good checkpoint with the best validation metric; the earliest of equals.

        Raises:
            IntegrityError: there are checkpoints and none is good.
        """
        good, bad = self.good()
        if not good:
            raise IntegrityError("no good checkpoint is left: " + ("; ".join(bad) or "there is none"))
        sign = -1.0 if higher_is_better else 1.0
        return min(good, key=lambda c: (sign * c.validation, c.epoch))

    def prune(self, keep: int, best_epochs: Iterable[int]) -> None:
        """Remove all but the newest `keep` and the best."""
        names = {f"epoch-{epoch:05d}" for epoch in best_epochs} | {f.name for f in self.folders()[-keep:]}
        for folder in self.folders():
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)
