"""What a person is told of a run that goes on elsewhere."""

from dataclasses import dataclass, field, replace

import pytest

from raytemplate.budget import Spent
from raytemplate.execution.journal import Journal
from raytemplate.execution.watch import Watch
from raytemplate.planning.stages import Limits
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord
from raytemplate.testing.fakes import Heard
from raytemplate.testing.samples import sample_plan, sample_snapshot

EPOCH = EpochRecord(epoch=1, train_loss=1.0, validation=8.6, num_rows=100, loop_s=0.2, wall_clock_s=1.0)
LIMITS = Limits(time_s=600, cost_usd=1.0, reserve_s=10, usd_per_s=0.001, held=Settings({"fit": 0.003}))


@dataclass
class HeardLeft(Heard):
    """Remembers the time left too."""

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
