"""What is told of a run that another process works on."""

import time

from raytemplate.execution.journal import Journal
from raytemplate.execution.watch import Watch
from raytemplate.testing import samples
from raytemplate.testing.fakes import Heard


class Table(Heard):
    """Keeps the newest table too."""

    now = None

    def searching(self, now):
        self.now = now


def test_a_sweep_is_told_trial_by_trial_and_each_once(tmp_path):
    journal, heard = Journal(tmp_path / "k7q2"), Table()
    journal.folder.mkdir()
    plan, trials = samples.sample_plan(sweep=samples.sample_sweep_stage()), samples.sample_trials()
    watch = Watch(plan, heard, time.monotonic())
    journal.write(samples.sample_snapshot())
    for record in trials[:5]:
        journal.add_trial(record)
    watch.tell(journal)
    watch.tell(journal)
    assert heard.said == ["ingest ..", "ingest", "sweep ..", *(f"trial {n}" for n in range(1, 6))]
    assert dict(heard.now.counts) == {"finished": 4, "diverged": 1}
    assert (heard.now.best, heard.now.running, heard.now.more) == (trials[4], (), None)
    assert 590 < heard.now.left_s <= 597
    for record in trials[5:]:
        journal.add_trial(record)
    journal.write(samples.sample_sweep())
    watch.tell(journal)
    assert heard.said[8:] == [*(f"trial {n}" for n in range(6, 13)), "sweep", "fit .."]
    assert heard.now.best == trials[4]


def test_the_best_is_the_highest_where_higher_is_better(tmp_path):
    journal, heard = Journal(tmp_path / "k7q2"), Table()
    journal.folder.mkdir()
    fit = samples.sample_fit_stage(higher_is_better=True)
    journal.write(samples.sample_snapshot())
    for record in samples.sample_trials():
        journal.add_trial(record)
    Watch(samples.sample_plan(sweep=samples.sample_sweep_stage(), fit=fit), heard, 0.0).tell(journal)
    assert heard.now.best.number == 6


def test_a_run_that_searches_nothing_has_no_sweep(tmp_path):
    journal, heard = Journal(tmp_path / "k7q2"), Heard()
    journal.folder.mkdir()
    journal.write(samples.sample_snapshot())
    journal.write(samples.sample_fit())
    Watch(samples.sample_plan(), heard, time.monotonic()).tell(journal)
    assert heard.said == ["ingest ..", "ingest", "fit ..", "fit", "evaluate .."]
