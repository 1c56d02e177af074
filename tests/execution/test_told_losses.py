"""Each loss of workers is reported once, with its consequence."""

from datetime import UTC, datetime

from raytemplate.execution.journal import Journal
from raytemplate.execution.told_losses import LossesTold
from raytemplate.records.fitted import TrainingStart, WorkersLost

NOW = datetime(2026, 11, 29, tzinfo=UTC)


class Heard:
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def start(journal, epoch, workers):
    journal.add_start(TrainingStart(at=NOW, from_epoch=epoch, num_workers=workers, num_told=epoch))


def lost(journal, why):
    journal.add_start(WorkersLost(at=NOW, why=why))


def test_each_loss_is_told_once_with_where_training_went_on(tmp_path):
    journal, heard = Journal(tmp_path), Heard()
    told = LossesTold(heard)
    start(journal, 0, 4)
    told.tell(journal)
    assert heard.notes == []
    lost(journal, "a machine was lost")
    start(journal, 7, 3)
    told.tell(journal)
    told.tell(journal)
    lost(journal, "a worker died")
    start(journal, 0, 2)
    lost(journal, "another died")
    told.tell(journal)
    assert heard.notes == [
        "workers were lost: a machine was lost; training resumes after epoch 7, workers: 3",
        "workers were lost: a worker died; training starts over, workers: 2",
        "workers were lost: another died",
    ]


def test_a_resumed_run_does_not_tell_again_what_an_earlier_process_told(tmp_path):
    journal, heard = Journal(tmp_path), Heard()
    lost(journal, "a machine was lost")
    told = LossesTold(heard, num_told=len(journal.restarts()))
    told.tell(journal)
    assert heard.notes == []
    assert [r.num_workers for r in journal.restarts()] == [0]
