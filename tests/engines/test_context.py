"""A rank saves checkpoints when they are due, and before time runs out."""

import time

import pytest

from raytemplate.engines.ray.data.feeds import MemoryFeed
from raytemplate.engines.ray.training.context import Assignment, RankContext, Ranks
from raytemplate.engines.ray.training.rank import refuse_unseen
from raytemplate.errors import IntegrityError, PlanError
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec
from raytemplate.store.clock import now_at

LAYOUT = Layout(dense=("a",), codes=(), cardinalities=(), target_mean=0.0, target_std=1.0)


def context(folder, remaining_s, every, made=None, **training):
    assignment = Assignment(
        metric="mae",
        higher_is_better=False,
        num_epochs=100,
        training=TrainingSpec(**training),
        checkpoint_every=every,
        checkpoints=folder / "checkpoints",
        remaining_s=remaining_s,
        made=made or now_at(folder),
        layout=LAYOUT,
        num_train_rows=1,
    )
    told = []
    feed = MemoryFeed({}, rank=0, num_ranks=1, seed=0)
    return RankContext(assignment, feed, Ranks(), told.append), told


def report(rank, epoch, validation=1.0):
    return rank.report(
        epoch=epoch,
        train_loss=1.0,
        validation=validation,
        loop_s=0.1,
        num_rows=1,
        save=lambda folder: (folder / "weights").write_text(str(epoch)),
    )


@pytest.mark.parametrize(
    ("remaining_s", "kept"), [(1000.0, []), (0.25, ["epoch 1"])], ids=["time enough", "too little"]
)
def test_an_epoch_after_which_no_other_fits_leaves_a_checkpoint(tmp_path, remaining_s, kept):
    rank, told = context(tmp_path, remaining_s, every=5)
    time.sleep(0.2)
    assert not report(rank, 1)
    assert [f"epoch {c.epoch}" for c in Checkpoints(tmp_path / "checkpoints").good()[0]] == kept
    assert bool(told[0].checkpoint) == bool(kept)


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
def test_a_machine_whose_clock_is_an_hour_off_has_the_time_that_is_left(tmp_path, monkeypatch, ahead_s):
    there = time.time
    rank, _ = context(tmp_path, 60.0, every=1)
    monkeypatch.setattr(time, "time", lambda: there() + ahead_s)
    late, _ = context(tmp_path, 60.0, every=1, made=now_at(tmp_path) - 20.0)
    assert rank._assignment.left_s() == pytest.approx(60.0, abs=1.0)
    assert late._assignment.left_s() == pytest.approx(40.0, abs=1.0)
    assert not late.out_of_time() and list(tmp_path.iterdir()) == []


def test_a_node_that_joined_and_does_not_see_the_run_is_named(tmp_path):
    refuse_unseen(tmp_path)
    with pytest.raises(PlanError, match=r"^node \S+ \(\S+\): .*/k7q2 is not there$") as failed:
        refuse_unseen(tmp_path / "k7q2")
    assert failed.value.exit_code == 3 and failed.value.next_step.endswith("raytemplate resume k7q2")


def test_the_best_and_the_newest_are_kept(tmp_path):
    rank, told = context(tmp_path, 1000.0, every=1)
    for epoch, validation in enumerate([3.0, 1.0, 2.0, 2.5, 2.6, 2.7], 1):
        report(rank, epoch, validation)
    assert [c.epoch for c in Checkpoints(tmp_path / "checkpoints").good()[0]] == [2, 4, 5, 6]
    assert len(told) == 6 and all(record.checkpoint for record in told)


def test_inside_an_epoch_a_checkpoint_is_kept_by_minutes_and_is_never_the_best(tmp_path):
    rank, told = context(tmp_path, 1000.0, every=1, checkpoint_minutes=0.05 / 60)

    def save(folder):
        (folder / "weights").write_text("inside")

    rank.inside(epoch=1, steps=64, save=save)
    time.sleep(0.06)
    rank.inside(epoch=1, steps=128, save=save)
    rank.inside(epoch=1, steps=192, save=save)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert [c.folder.name for c in checkpoints.good()[0]] == ["epoch-00000.000000128"]
    with pytest.raises(IntegrityError):
        checkpoints.best(higher_is_better=False)
    report(rank, 1, 3.0)
    time.sleep(0.06)
    rank.inside(epoch=2, steps=64, save=save)
    assert (checkpoints.best(higher_is_better=False).epoch, len(told)) == (1, 1)
    assert checkpoints.folders()[-1].name == "epoch-00001.000000064"
