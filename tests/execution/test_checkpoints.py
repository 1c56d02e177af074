"""Checkpoints are complete or absent and verified before use; after any stop the newest good one is found."""

import json
import time

import numpy as np
import pytest

from raytemplate.engines.ray.data.feeds import MemoryFeed
from raytemplate.engines.ray.training.context import Assignment, RankContext, Ranks
from raytemplate.errors import IntegrityError, TrainingFailed
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.execution.standing import ANEW, Standing
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec


def filled(folder, scores):
    checkpoints = Checkpoints(folder)
    for epoch, score in enumerate(scores, start=1):
        checkpoints.save(epoch, score, lambda place: (place / "weights").write_bytes(b"w" * 100))
    return checkpoints


def test_what_was_saved_is_found_oldest_first(tmp_path):
    good, bad = filled(tmp_path, [3.0, 2.0, 2.5]).good()
    assert [(c.epoch, c.validation) for c in good] == [(1, 3.0), (2, 2.0), (3, 2.5)]
    assert bad == ()


TEARS = {
    "cut off": lambda folder: (folder / "weights").write_bytes(b"w" * 50),
    "one bit": lambda folder: (folder / "weights").write_bytes(b"w" * 99 + b"v"),
    "gone": lambda folder: (folder / "weights").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "torn manifest": lambda folder: (folder / "manifest.json").write_text('{"schema": 1, "fi'),
    "an edited score": lambda folder: (folder / "score.json").write_text(json.dumps({"epoch": 3, "validation": 0.0})),
    "an extra file": lambda folder: (folder / "extra").write_text("x"),
    "empty": lambda folder: [f.unlink() for f in folder.iterdir()],
}


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_f09_f10_a_torn_newest_one_is_passed_over_for_the_one_before(tmp_path, tear):
    checkpoints = filled(tmp_path, [3.0, 2.0, 1.0])
    tear(tmp_path / "epoch-00003")
    good, bad = checkpoints.good()
    assert good[-1].epoch == 2
    assert len(bad) == 1 and "epoch-00003" in bad[0]
    assert checkpoints.best(higher_is_better=False).epoch == 2


def test_f09_nothing_good_is_left(tmp_path):
    checkpoints = filled(tmp_path, [3.0, 2.0])
    for folder in checkpoints.folders():
        (folder / "weights").write_bytes(b"")
    assert checkpoints.good()[0] == ()
    with pytest.raises(IntegrityError, match=r"^no good checkpoint is left: .*epoch-00001.*; .*epoch-00002"):
        checkpoints.best(higher_is_better=False)


def test_the_best_is_the_earliest_of_equals_in_the_metrics_direction(tmp_path):
    checkpoints = filled(tmp_path, [3.0, 1.0, 5.0, 1.0, 5.0])
    assert checkpoints.best(higher_is_better=False).epoch == 2
    assert checkpoints.best(higher_is_better=True).epoch == 3


def test_pruning_keeps_the_newest_and_the_best(tmp_path):
    checkpoints = filled(tmp_path, [1.0, 5.0, 4.0, 3.0, 2.0])
    checkpoints.prune(keep=2, best_epochs=[1])
    assert [f.name for f in checkpoints.folders()] == ["epoch-00001", "epoch-00004", "epoch-00005"]


def test_f07_a_save_that_fails_in_the_middle_leaves_nothing(tmp_path):
    def half(place):
        (place / "weights").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Checkpoints(tmp_path).save(1, 1.0, half)
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_of_a_killed_process_is_no_checkpoint(tmp_path):
    (tmp_path / ".epoch-00001").mkdir()
    (tmp_path / ".epoch-00001" / "weights").write_bytes(b"half")
    assert Checkpoints(tmp_path).good() == ((), ())
    assert filled(tmp_path, [1.0]).good()[0][0].epoch == 1


def context(folder, num_epochs=9, stands=ANEW, remaining_s=60.0, started_s_ago=0.0, **training):
    rows = {
        "dense": np.zeros((4, 1), np.float32),
        "codes": np.zeros((4, 0), np.int32),
        "target": np.ones(4, np.float32),
    }
    said = []
    assignment = Assignment(
        metric="mae",
        higher_is_better=False,
        num_epochs=num_epochs,
        training=TrainingSpec(**training),
        checkpoint_every=1,
        checkpoints=folder,
        remaining_s=remaining_s,
        made=time.time() - started_s_ago,
        layout=Layout(dense=("x",), codes=(), cardinalities=(), target_mean=0.0, target_std=1.0),
        num_train_rows=4,
    )
    feed = MemoryFeed({"train": rows, "validation": rows}, rank=0, num_ranks=1, seed=0)
    return RankContext(assignment, feed, Ranks(), said.append, stands=stands), said


def report(of, epoch, validation, loss=1.0):
    save = lambda place: (place / "weights").write_text(str(epoch))  # noqa: E731
    return of.report(epoch=epoch, train_loss=loss, validation=validation, loop_s=0.1, num_rows=4, save=save)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["loss", "validation"])
def test_f12_numbers_that_are_not_finite_never_reach_a_checkpoint(tmp_path, value, where):
    of, said = context(tmp_path)
    report(of, 1, 5.0)
    with pytest.raises(TrainingFailed, match=r"in epoch 2$") as failed:
        report(of, 2, 5.0 if where == "loss" else value, value if where == "loss" else 1.0)
    assert "lower training.lr" in failed.value.next_step
    assert [c.epoch for c in Checkpoints(tmp_path).good()[0]] == [1]
    assert [e.epoch for e in said] == [1]


def test_training_keeps_the_newest_and_the_best_checkpoint(tmp_path):
    of, said = context(tmp_path, keep_checkpoints=2)
    stops = [report(of, epoch, score) for epoch, score in enumerate([5.0, 1.0, 4.0, 3.0, 2.0], start=1)]
    assert stops == [False] * 5
    assert [f.name for f in Checkpoints(tmp_path).folders()] == ["epoch-00002", "epoch-00004", "epoch-00005"]
    assert [e.checkpoint for e in said] == [f"epoch-{n:05d}" for n in range(1, 6)]


def test_early_stopping_counts_from_the_best_epoch_of_all_processes(tmp_path):
    first, said = context(tmp_path, early_stopping=2)
    assert [report(first, 1, 1.0), report(first, 2, 2.0)] == [False, False]
    second, _ = context(tmp_path, early_stopping=2, stands=Standing(epochs=tuple(said)))
    assert report(second, 3, 2.0) is True
    assert second.stopped == "early stopping"


def test_the_last_epoch_stops_and_leaves_a_checkpoint(tmp_path):
    of, said = context(tmp_path, num_epochs=1)
    assert report(of, 1, 1.0) is True
    assert (of.stopped, said[0].checkpoint) == ("epochs", "epoch-00001")


@pytest.mark.parametrize(("remaining_s", "started_s_ago"), [(0.0, 0.0), (60.0, 61.0)], ids=["none", "late"])
def test_training_ends_with_its_time_the_start_of_ranks_included(tmp_path, remaining_s, started_s_ago):
    of, _ = context(tmp_path, remaining_s=remaining_s, started_s_ago=started_s_ago)
    assert of.out_of_time() is True
    assert report(of, 1, 1.0) is True
    assert of.stopped == "budget.time"
    assert [c.epoch for c in Checkpoints(tmp_path).good()[0]] == [1]
