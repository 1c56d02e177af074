"""What is particular to a LightningModule: clear errors, the clock, Ctrl-C, its arguments."""

import signal

import pytest
import torch
from own_lightning import Net

from raytemplate import plugins
from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Layout
from raytemplate.models.lightning.batches import CountedBatches, EpochBatches
from raytemplate.models.options import TrainingSpec
from raytemplate.testing.family_suite import simple_rows
from raytemplate.testing.loop_context import MemoryContext

LAYOUT = Layout(dense=("x", "y", "constant"), codes=("group",), cardinalities=(7,), target_mean=50.0, target_std=10.0)
FAMILY = plugins.load(plugins.FAMILIES, "lightning")


def context(folder, kind=MemoryContext):
    return kind({"train": simple_rows(300, seed=1), "validation": simple_rows(100, seed=2)}, LAYOUT, folder)


def train(made, module, **training):
    options = FAMILY.options(module=module)
    plugins.resolve(FAMILY.loop)(made, options, TrainingSpec(**{"epochs": 2, "batch_size": 64, **training}))
    return made


class Spent(MemoryContext):
    def out_of_time(self):
        return True


class Pressed(MemoryContext):
    def report(self, **more):
        raise KeyboardInterrupt


def test_a_module_that_fails_is_told_with_its_place(tmp_path):
    with pytest.raises(TrainingFailed, match=r"own_lightning:Failing failed: own_lightning.py:\d+: RuntimeError: mat1"):
        train(context(tmp_path), "own_lightning:Failing")


def test_what_is_no_lightning_module_is_refused(tmp_path):
    with pytest.raises(TrainingFailed, match=r"gave own_network.Two, expected a LightningModule of"):
        train(context(tmp_path), "own_network:Two")


def test_time_that_runs_out_inside_an_epoch_ends_training_without_reporting_it(tmp_path):
    made = train(context(tmp_path, Spent), "own_lightning:Net")
    assert (made.epochs, made.finished is None) == ([], False)


def test_ctrl_c_stays_what_it_is_and_the_next_one_is_heard(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(context(tmp_path, Pressed), "own_lightning:Net")
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_part_that_is_kept_in_evaluation_mode_stays_in_it(tmp_path, monkeypatch):
    seen = []

    def training_step(self, batch, batch_idx):
        seen.append((self.training, self.layers[2].training))
        return torch.nn.functional.mse_loss(self(*batch[:2]).squeeze(1), batch[2])

    monkeypatch.setattr(Net, "training_step", training_step)
    monkeypatch.setattr(Net, "on_train_start", lambda self: self.layers[2].eval(), raising=False)
    train(context(tmp_path), "own_lightning:Net")
    assert set(seen) == {(True, False)} and len(seen) == 10


def test_batches_begun_twice_lose_none_and_targets_are_scaled(tmp_path):
    made = context(tmp_path)
    for kind in (EpochBatches, CountedBatches):
        batches = kind(made, 64, lambda: 1)
        looked = next(iter(batches))
        steps = list(batches)
        assert torch.equal(looked[2], steps[0][2]) and len(steps) == 5
        target = torch.cat([step[2] for step in steps]) * 10 + 50
        assert torch.allclose(target.sort().values, torch.tensor(simple_rows(300, seed=1).target).sort().values)
    assert len(CountedBatches(made, 64, lambda: 1)) == 5


def test_a_rank_without_rows_repeats_its_last_and_a_step_too_small_for_all_is_left_out(tmp_path):
    made = context(tmp_path)
    made.num_ranks = 2
    given = [
        made.arrays("validation").__class__(
            dense=torch.zeros(n, 3).numpy(),
            codes=torch.zeros(n, 1, dtype=torch.int32).numpy(),
            target=torch.full((n,), float(n)).numpy(),
            num_rows_all_ranks=of_all,
        )
        for n, of_all in [(3, 6), (0, 3), (0, 1)]
    ]
    made.batches = lambda split, epoch, batch_size: iter(given)
    assert [len(step[2]) for step in EpochBatches(made, 6, lambda: 1)] == [3, 3]
