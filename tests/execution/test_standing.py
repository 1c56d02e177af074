"""However often and wherever training is stopped and restarted, it keeps and chooses what an undisturbed one does."""

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from raytemplate.engines.ray.data.feeds import MemoryFeed
from raytemplate.engines.ray.training.context import Assignment, RankContext, Ranks
from raytemplate.errors import IntegrityError
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.execution.journal import Journal
from raytemplate.execution.standing import begin, best_epochs, ended, standing
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec
from raytemplate.records.fitted import EpochRecord, TrainingStart

LAYOUT = Layout(dense=("a",), codes=(), cardinalities=(), target_mean=0.0, target_std=1.0)
MOMENTS = ("before the checkpoint", "inside the checkpoint", "before the record", "after the record")
HIGHER = "accuracy"


class Lost(Exception):
    """Simulates a lost node."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The ranks are lost at this point of this epoch, in the first start that gets there."""

    epoch: int
    moment: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is left of a training."""

    stopped: str
    epochs: tuple[tuple[int, float, str], ...]
    best: int
    last: int
    checkpoints: tuple[str, ...]


def start(journal, assignment, scores, loss):
    """One start of one rank, which trains until it is told to end, or is lost."""
    stands = begin(journal, num_workers=1)
    if stopped := assignment.over(stands):
        return stopped

    def reach(moment, epoch):
        if loss is not None and (epoch, moment) == (loss.epoch, loss.moment):
            raise Lost

    def keep(record):
        reach("before the record", record.epoch)
        journal.add_epoch(record)
        reach("after the record", record.epoch)

    rank = RankContext(assignment, MemoryFeed({}, rank=0, num_ranks=1, seed=0), Ranks(), keep, stands=stands)
    found = rank.checkpoint()
    epoch, stop = found[1] if found else 0, False
    while not stop:
        epoch += 1
        reach("before the checkpoint", epoch)

        def save(folder, epoch=epoch):
            (folder / "weights").write_text(str(epoch))
            reach("inside the checkpoint", epoch)

        stop = rank.report(epoch=epoch, train_loss=1.0, validation=scores[epoch - 1], loop_s=0.1, num_rows=1, save=save)
    return rank.stopped


def trained(folder, scores, losses=(), *, every, metric="mae", **training):
    """What is left of a training that suffered these losses, one in each start."""
    journal = Journal(folder)
    folder.mkdir(parents=True)
    assignment = Assignment(
        metric=metric,
        higher_is_better=metric == HIGHER,
        num_epochs=len(scores),
        training=TrainingSpec(**training),
        checkpoint_every=every,
        checkpoints=journal.checkpoints,
        remaining_s=1000.0,
        made=time.time(),
        layout=LAYOUT,
        num_train_rows=1,
    )
    for loss in (*losses, None):
        try:
            stopped = start(journal, assignment, scores, loss)
        except Lost:
            continue
    checkpoints = Checkpoints(journal.checkpoints)
    return Kept(
        stopped=stopped,
        epochs=tuple((e.epoch, e.validation, e.checkpoint) for e in journal.epochs()),
        best=checkpoints.best(metric == HIGHER).epoch,
        last=checkpoints.last().epoch,
        checkpoints=tuple(f.name for f in checkpoints.folders()),
    )


LOSSES = st.builds(Loss, epoch=st.integers(1, 12), moment=st.sampled_from(MOMENTS))


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), min_size=1, max_size=12),
    losses=st.lists(LOSSES, max_size=4),
    every=st.integers(1, 3),
    patience=st.none() | st.integers(1, 4),
    keep=st.integers(1, 3),
    keep_best=st.integers(1, 2),
    metric=st.sampled_from(["mae", HIGHER]),
)
@example(
    scores=[0.1, 0.5, 0.5, 0.5, 0.5],
    losses=[Loss(epoch=3, moment="after the record")],
    every=1,
    patience=3,
    keep=1,
    keep_best=1,
    metric="mae",
)
@example(
    scores=[0.5, 0.1, 0.5, 0.5, 0.5],
    losses=[Loss(epoch=2, moment="before the record")],
    every=1,
    patience=2,
    keep=1,
    keep_best=1,
    metric="mae",
)
@example(
    scores=[0.1, 0.5, 0.5],
    losses=[Loss(epoch=2, moment="after the record")],
    every=1,
    patience=1,
    keep=1,
    keep_best=1,
    metric="mae",
)
def test_a_training_that_was_lost_leaves_what_an_undisturbed_one_leaves(
    scores, losses, every, patience, keep, keep_best, metric
):
    same = {"every": every, "metric": metric, "early_stopping": patience, "keep_checkpoints": keep,
            "keep_best": keep_best}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = trained(Path(folder) / "one", scores, **same)
        assert trained(Path(folder) / "other", scores, losses, **same) == undisturbed


def test_a_best_checkpoint_from_before_a_drain_is_kept_and_chosen(tmp_path):
    scores = [9.0 - 0.03 * n for n in range(11)] + [8.661, 8.8, 8.79, 8.75, 8.707, 8.72, 8.73, 8.74, 8.75]
    drained = [Loss(epoch=14, moment="after the record")]
    kept = trained(tmp_path / "run", scores, drained, every=1, keep_checkpoints=2, early_stopping=6)
    assert (kept.best, kept.last, kept.stopped) == (12, 18, "early stopping")
    assert kept.checkpoints == ("epoch-00012", "epoch-00017", "epoch-00018")
    assert [epoch for epoch, _, _ in kept.epochs] == list(range(1, 19))


def told(epoch, validation=1.0, checkpoint=""):
    return EpochRecord(
        epoch=epoch,
        train_loss=1.0,
        validation=validation,
        num_rows=1,
        loop_s=0.1,
        wall_clock_s=0.1,
        checkpoint=checkpoint,
    )


@pytest.mark.parametrize(
    ("lines", "back", "epochs"),
    [
        ([1, 2, 3], {0: 0}, [1, 2, 3]),
        ([1, 2, 3, 3], {3: 2}, [1, 2, 3]),
        ([1, 2, 3, 2], {3: 1}, [1, 2]),
        ([1, 2, 3, 1, 2, 3, 4], {3: 0}, [1, 2, 3, 4]),
        ([2, 4, 6, 4], {3: 2}, [2, 4]),
        ([1, 2, 1], {2: 0}, [1]),
        ([1, 2, 3], {3: 1}, [1, 2, 3]),
        ([1, 2, 3, 2], {}, [1, 2, 3]),
    ],
    ids=[
        "never lost",
        "one again",
        "two again, one so far",
        "all again",
        "rounds",
        "anew",
        "none since",
        "as earlier versions tell it",
    ],
)
def test_each_epoch_is_once_in_the_record_and_none_that_training_went_back_before(tmp_path, lines, back, epochs):
    journal = Journal(tmp_path)
    for number, epoch in enumerate([*lines, None]):
        if number in back:
            at = datetime.now(UTC)
            journal.add_start(TrainingStart(at=at, from_epoch=back[number], num_workers=2, num_told=number))
        if epoch is not None:
            journal.add_epoch(told(epoch, float(number)))
    last = {epoch: float(number) for number, epoch in enumerate(lines)}
    assert [(e.epoch, e.validation) for e in journal.epochs()] == [(epoch, last[epoch]) for epoch in epochs]
    assert [e.epoch for e in journal.told_epochs()] == lines


@pytest.mark.parametrize(
    ("scores", "patience", "higher", "why"),
    [
        ([], 1, False, None),
        ([1.0], 1, False, None),
        ([1.0, 2.0], 1, False, "early stopping"),
        ([1.0, 2.0], 2, False, None),
        ([1.0, 2.0], 1, True, None),
        ([1.0, 1.0], 1, False, "early stopping"),
        ([1.0, 2.0, 3.0, 4.0], None, False, None),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 1, False, "epochs"),
    ],
)
def test_training_ends_with_its_epochs_or_after_so_many_that_were_no_better(scores, patience, higher, why):
    epochs = [told(number, score) for number, score in enumerate(scores, 1)]
    assert ended(epochs, num_epochs=5, patience=patience, higher_is_better=higher) == why


def test_of_equals_the_earlier_is_the_better():
    scores = [(1, 2.0), (2, 1.0), (3, 1.0), (4, 2.0)]
    assert best_epochs(scores, 3, higher_is_better=False) == [2, 3, 1]
    assert best_epochs(scores, 1, higher_is_better=True) == [1]


def saved(journal, epochs):
    for epoch in epochs:
        record = told(epoch, checkpoint=f"epoch-{epoch:05d}")
        Checkpoints(journal.checkpoints).save(epoch, 1.0, lambda f: (f / "w").write_text("w"), record=record)
        journal.add_epoch(record)


def test_a_rank_goes_on_from_the_checkpoint_that_the_first_one_found(tmp_path):
    journal = Journal(tmp_path)
    saved(journal, [1, 2, 3])
    found = standing(journal, newest="epoch-00002")
    assert (found.epoch, [e.epoch for e in found.epochs], [c.epoch for c in found.saved]) == (2, [1, 2], [1, 2])
    assert standing(journal, newest="").checkpoint is None
    with pytest.raises(IntegrityError, match=r"epoch-00004: not good where this worker runs.*it is not there"):
        standing(journal, newest="epoch-00004")


def test_a_refused_checkpoint_beyond_is_no_longer_counted_among_the_newest(tmp_path):
    journal = Journal(tmp_path)
    saved(journal, [1, 2, 3, 4])
    for epoch in (3, 4):
        (journal.checkpoints / f"epoch-{epoch:05d}" / "w").write_text("")
    stands = begin(journal, num_workers=1)
    assert (stands.epoch, len(stands.refused), [e.epoch for e in stands.epochs]) == (2, 2, [1, 2])
    saved(journal, [3])
    Checkpoints(journal.checkpoints).prune(1, [1], "epoch-00003")
    assert [f.name for f in Checkpoints(journal.checkpoints).folders()] == ["epoch-00001", "epoch-00003"]
    assert [e.epoch for e in journal.epochs()] == [1, 2, 3]
