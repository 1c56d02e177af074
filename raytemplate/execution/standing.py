"""How far training has got when its ranks start: from scratch, resumed by a person, or restarted after a lost node."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from raytemplate.errors import IntegrityError
from raytemplate.execution.checkpoints import Checkpoint, Checkpoints, Scored
from raytemplate.execution.journal import Journal
from raytemplate.loss import loss
from raytemplate.records.fitted import EpochRecord, StopReason, TrainingStart


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What has been trained so far, according to the run's folder. Every start of training reads it again: the result
    is out of date as soon as another epoch has been trained.
    """

    checkpoint: Checkpoint | None = None
    """The newest good checkpoint, from which training resumes; None to start from scratch."""
    epochs: tuple[EpochRecord, ...] = ()
    """The epochs that the checkpoint holds, in order. Later ones will be trained again."""
    saved: tuple[Scored, ...] = ()
    """The good checkpoints of whole epochs."""
    refused: tuple[str, ...] = ()
    """What is wrong with the checkpoints that are not good."""

    @property
    def epoch(self) -> int:
        """The last whole epoch that the checkpoint holds; 0 if there is none."""
        return self.checkpoint.epoch if self.checkpoint else 0


ANEW = Standing()
"""Nothing has been trained yet."""


def standing(journal: Journal, *, newest: str | None = None) -> Standing:
    """How far the training of a run or a trial has got.

    Args:
        newest: name of the checkpoint that another rank resumes from, "" if it starts from scratch; None to look for
            the newest.

    Raises:
        IntegrityError: `newest` is missing or not good.
    """
    good, refused = Checkpoints(journal.checkpoints).good()
    if newest is not None:
        good = tuple(one for one in good if one.folder.name <= newest)
        if newest and (not good or good[-1].folder.name != newest):
            raise IntegrityError(
                f"{journal.checkpoints / newest}: not good where this worker runs, although the first "
                f"worker resumes from it: {'; '.join(refused) or 'it is not there'}",
                next_step="let all nodes see the same storage",
            )
    if not good:
        return Standing(refused=refused)
    saved = tuple(one for one in good if isinstance(one, Scored))
    return Standing(checkpoint=good[-1], epochs=_held(journal, saved, good[-1].epoch), saved=saved, refused=refused)


def begin(journal: Journal, *, num_workers: int) -> Standing:
    """How far training has got, for the first of the workers that begin now; records their start in the journal."""
    found = standing(journal)
    catch_up(journal, found)
    journal.add_start(
        TrainingStart(
            at=datetime.now(UTC),
            from_epoch=found.epoch,
            num_workers=num_workers,
            num_told=len(journal.told_epochs()),
        )
    )
    return found


def catch_up(journal: Journal, stands: Standing) -> None:
    """Write the record of an epoch whose training was stopped after its checkpoint and before its record."""
    written = {record.epoch for record in journal.epochs()}
    for record in stands.epochs:
        if record.epoch not in written:
            journal.add_epoch(record)


def _held(journal: Journal, saved: Sequence[Scored], upto: int) -> tuple[EpochRecord, ...]:
    records = {record.epoch: record for record in journal.epochs() if record.epoch <= upto}
    if saved and saved[-1].record is not None:
        records.setdefault(saved[-1].epoch, saved[-1].record)
    return tuple(records[epoch] for epoch in sorted(records))


def ended(
    epochs: Sequence[EpochRecord], *, num_epochs: int, patience: int | None, higher_is_better: bool
) -> StopReason | None:
    """Why training ends with the last of these epochs: "epochs" or "early stopping"; None if it continues.

    Args:
        patience: epochs in a row that may pass without an improvement; None for any number.
    """
    if not epochs:
        return None
    last = epochs[-1].epoch
    if last >= num_epochs:
        return "epochs"
    best = best_epochs(((one.epoch, one.validation) for one in epochs), 1, higher_is_better=higher_is_better)
    return "early stopping" if patience is not None and last - best[0] >= patience else None


def best_epochs(scores: Iterable[tuple[int, float]], keep: int, *, higher_is_better: bool) -> list[int]:
    """The `keep` best epochs of (epoch, validation) pairs, best first; ties go to the earlier epoch."""
    losses = ((loss(validation, higher_is_better=higher_is_better), epoch) for epoch, validation in scores)
    return [epoch for _, epoch in sorted(losses)[:keep]]
