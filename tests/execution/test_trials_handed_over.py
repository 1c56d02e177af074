"""The trials of a sweep are handed to the promoter before the last training, while there is something else to do."""

from typing import ClassVar

from fake_runs import FakeRun

from raytemplate.records.fitted import FitResult
from raytemplate.testing.fakes import FakeEngine, LedgerPromoter
from raytemplate.testing.sample_plans import sample_sweep_stage
from raytemplate.testing.samples import sample_sweep, sample_trials


class Copying(LedgerPromoter):
    """Notes what the run had when it was asked to copy its trials."""

    asked: ClassVar[list[tuple[int, bool]]] = []

    def copy_trials(self, journal):
        self.asked.append((len(journal.trials()), journal.read(FitResult) is None))


def test_trials_are_handed_over_before_the_last_training_and_not_once_it_is_judged(tmp_path):
    run = FakeRun(tmp_path, changes={"sweep": sample_sweep_stage()})
    run.journal.write(sample_sweep())
    for record in sample_trials():
        run.journal.add_trial(record)
    promoter = Copying(run.ledger, run.store)
    run.execute(FakeEngine(), promoter=promoter)
    assert promoter.asked == [(len(sample_trials()), True)]
    run.execute(FakeEngine(), promoter=promoter)
    assert len(promoter.asked) == 1
