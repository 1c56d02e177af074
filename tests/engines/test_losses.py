"""Workers lost during training: which are restarted, and that the result is the same."""

import os
import signal
import threading
import time
from dataclasses import replace

import psutil
import pytest

from raytemplate.errors import OwnCodeFailed, Unavailable
from raytemplate.execution.checkpoints import Checkpoints
from raytemplate.execution.journal import Journal

pytestmark = [pytest.mark.ray, pytest.mark.slow]

TWO = {"resources.workers": 2, "resources.per_worker.cpus": 0.5, "data.windows.train": "3d"}
LONG = TWO | {"training.epochs": 16, "training.early_stopping": None, "training.batch_size": 64}


def workers():
    """Processes of this test's Ray that run a rank."""
    below = psutil.Process().children(recursive=True)
    return sorted(p.pid for p in below if "RayTrainWorker" in " ".join(p.cmdline()))


class Killer(threading.Thread):
    """Kills a worker of a run each time one of these numbers of epochs has been reported."""

    def __init__(self, folder, moments, which=0):
        super().__init__(daemon=True)
        self.journal, self.moments, self.which, self.killed = Journal(folder), moments, which, []
        self.start()

    def run(self):
        for moment in self.moments:
            while len(self.journal.told_epochs()) < moment:
                time.sleep(0.01)
            pid = workers()[self.which]
            os.kill(pid, signal.SIGKILL)
            self.killed.append(pid)


def left(journal):
    """The results of a training: its epochs, and the bytes of its best checkpoint."""
    best = Checkpoints(journal.checkpoints).best(higher_is_better=False)
    return [(e.epoch, e.validation) for e in journal.epochs()], (best.folder / "weights.safetensors").read_bytes()


def test_a_training_whose_workers_are_killed_goes_on_to_the_very_same_weights(train, plan, tmp_path):
    made = plan(LONG)
    killer = Killer(tmp_path / "run0", [4, 10])
    trained, journal = train(made)
    assert len(killer.killed) == 2
    assert [r.num_workers for r in trained.restarts] == [2, 2]
    assert all("ended in the middle of its work" in r.why for r in trained.restarts)
    assert 2 <= trained.restarts[0].from_epoch < trained.restarts[1].from_epoch == trained.resumed_from_epoch
    _, undisturbed = train(made)
    assert left(journal) == left(undisturbed)
    assert [e.epoch for e in journal.epochs()] == list(range(1, 17))


@pytest.mark.nightly
def test_workers_that_are_lost_too_often_end_with_eight_and_can_be_resumed(train, plan, tmp_path):
    made = plan(LONG | {"resources.max_failures": 0})
    Killer(tmp_path / "run0", [5], which=1)
    with pytest.raises(Unavailable, match=r"resources.max_failures: 0.*ended in the middle of its work") as failed:
        train(made)
    assert (failed.value.exit_code, failed.value.retry) == (8, "as it is")
    assert failed.value.next_step == "raytemplate resume run0"


@pytest.mark.nightly
def test_a_range_of_workers_begins_with_those_planned_while_a_stream_needs_room_too(train, plan):
    made = plan(TWO | {"resources.workers": "1..2", "data.ingest": "stream", "training.epochs": 2})
    assert (made.fit.workers, made.fit.least_workers) == (2, 1)
    trained, journal = train(made)
    assert (trained.engine, [s.num_workers for s in journal.starts()]) == ("Ray Train, 2 workers", [2])


@pytest.mark.nightly
def test_an_error_of_the_loop_itself_is_not_tried_again(train, plan, tmp_path):
    from probe_loop import RAISES

    made = plan(TWO | {"training.early_stopping": RAISES})
    with pytest.raises(OwnCodeFailed, match="three is too many") as failed:
        train(made, replace(made.fit, loop="probe_loop:train"))
    assert failed.value.exit_code == 9
    assert len(Journal(tmp_path / "run0").starts()) == 1
    assert Journal(tmp_path / "run0").restarts() == ()
