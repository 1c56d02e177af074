"""What is reported about a run that another process works on."""

from dataclasses import dataclass, field, replace

import pytest

from raytemplate.budget import Spent
from raytemplate.execution.journal import Journal
from raytemplate.execution.watch import Watch
from raytemplate.planning.stages import Limits
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord
from raytemplate.testing.fakes import Heard
from raytemplate.testing.sample_plans import sample_fit_stage, sample_plan, sample_sweep_stage
from raytemplate.testing.samples import sample_fit, sample_snapshot, sample_sweep, sample_trials
from raytemplate.tuning.front import Objective, Pick

EPOCH = EpochRecord(epoch=1, train_loss=1.0, validation=8.6, num_rows=100, loop_s=0.2, wall_clock_s=1.0)
LIMITS = Limits(time_s=600, cost_usd=1.0, reserve_s=10, usd_per_s=0.001, held=Settings({"fit": 0.003}))


@dataclass
class HeardLeft(Heard):
    """Records the time left too."""

    left: list[float] = field(default_factory=list)

    def epoch(self, record, plan, left_s):
        super().epoch(record, plan, left_s)
        self.left.append(left_s)


@pytest.mark.parametrize(
    ("spent_usd", "left_s"),
    # 10 s after training cost 0.001 USD a second; training itself costs 0.004.
    [(0.0, (1.0 - 0.01) / 0.004), (0.59, (0.41 - 0.01) / 0.004), (1.2, (-0.2 - 0.01) / 0.004)],
    ids=["nothing is spent", "much is spent", "overspent"],
)
def test_time_left_is_that_of_the_budget_that_ends_first(tmp_path, spent_usd, left_s):
    heard, journal = HeardLeft(), Journal(tmp_path)
    watch = Watch(sample_plan(limits=LIMITS), heard, lambda: Spent(seconds=100, usd=spent_usd))
    journal.write(sample_snapshot())
    journal.add_epoch(EPOCH)
    watch.tell(journal)
    assert heard.left == pytest.approx([left_s], abs=0.1)


def test_time_left_is_that_of_time_where_money_lasts_longer(tmp_path):
    heard, journal = HeardLeft(), Journal(tmp_path)
    watch = Watch(sample_plan(limits=replace(LIMITS, cost_usd=5.0)), heard, lambda: Spent(seconds=100, usd=0.1))
    journal.write(sample_snapshot())
    watch.tell(journal)
    journal.add_epoch(EPOCH)
    journal.add_epoch(replace(EPOCH, epoch=2))
    watch.tell(journal)
    watch.tell(journal)
    assert heard.left == pytest.approx([490.0] * 2, abs=0.1)
    assert heard.said == ["ingest ..", "ingest", "fit ..", "epoch 1", "epoch 2"]


class Table(Heard):
    """Records the newest table too."""

    now = None

    def searching(self, now):
        self.now = now


def test_a_sweep_is_told_trial_by_trial_and_each_once(tmp_path):
    journal, heard = Journal(tmp_path / "k7q2"), Table()
    journal.folder.mkdir()
    plan, trials = sample_plan(sweep=sample_sweep_stage()), sample_trials()
    watch = Watch(plan, heard, lambda: Spent(seconds=3.0, usd=0.0))
    journal.write(sample_snapshot())
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
    journal.write(sample_sweep())
    watch.tell(journal)
    assert heard.said[8:] == [*(f"trial {n}" for n in range(6, 13)), "sweep", "fit .."]
    assert heard.now.best == trials[4]


def test_the_best_is_the_highest_where_higher_is_better(tmp_path):
    journal, heard = Journal(tmp_path / "k7q2"), Table()
    journal.folder.mkdir()
    fit = sample_fit_stage(higher_is_better=True)
    journal.write(sample_snapshot())
    for record in sample_trials():
        journal.add_trial(record)
    Watch(sample_plan(sweep=sample_sweep_stage(arms=(fit,)), fit=fit), heard, lambda: Spent()).tell(journal)
    assert heard.now.best.number == 6


def test_the_best_is_the_one_that_the_rule_of_the_sweep_names(tmp_path):
    """A faster trial, if the template asks for that, rather than the one with the best metric."""
    journal, heard = Journal(tmp_path / "k7q2"), Table()
    journal.folder.mkdir()
    journal.write(sample_snapshot())
    best, quick = (replace(one, state="finished") for one in sample_trials()[:2])
    for record, validation, seconds in ((best, 8.0, 60.0), (quick, 8.5, 20.0)):
        journal.add_trial(replace(record, validation=validation, also=Settings({"seconds": seconds})))
    objectives = (Objective(name="mae"), Objective(name="seconds"))
    sweep = sample_sweep_stage(objectives=objectives, pick=Pick(best="seconds", within=0.1))
    Watch(sample_plan(sweep=sweep), heard, lambda: Spent()).tell(journal)
    assert heard.now.best.number == quick.number


def test_a_run_that_searches_nothing_has_no_sweep(tmp_path):
    journal, heard = Journal(tmp_path / "k7q2"), Heard()
    journal.folder.mkdir()
    journal.write(sample_snapshot())
    journal.write(sample_fit())
    Watch(sample_plan(), heard, lambda: Spent(seconds=3.0, usd=0.0)).tell(journal)
    assert heard.said == ["ingest ..", "ingest", "fit ..", "fit", "evaluate .."]
