"""A checkpoint inside an epoch: going on from it equals never having stopped."""

import pytest

from raytemplate import plugins
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec
from raytemplate.testing.family_suite import simple_rows
from raytemplate.testing.loop_context import MemoryContext

LAYOUT = Layout(dense=("x", "y", "constant"), codes=("group",), cardinalities=(7,), target_mean=50.0, target_std=10.0)
ROWS = {"train": simple_rows(1000, seed=1), "validation": simple_rows(100, seed=2)}
KINDS = [
    ("tabular-mlp", {"hidden": 16, "dropout": 0.2}),
    ("torch", {"build": "own_network:build", "args": {"hidden": 8}}),
]


def train(folder, kind, options, die_at=None, **changes):
    family = plugins.load(plugins.FAMILIES, kind)
    context = MemoryContext(ROWS, LAYOUT, folder, die_at=die_at)
    training = TrainingSpec(**{"epochs": 3, "batch_size": 5, "lr": 1e-2, "checkpoint_minutes": 5, **changes})
    plugins.resolve(family.loop)(context, family.options(**options), training)
    return context


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=[kind for kind, _ in KINDS])
@pytest.mark.parametrize("die_at", [(1, 64), (2, 128)])
def test_going_on_inside_an_epoch_equals_never_having_stopped(tmp_path, kind, options, die_at):
    whole = train(tmp_path / "whole", kind, options)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", kind, options, die_at=die_at)
    second = train(tmp_path / "parts", kind, options)
    assert second.epochs == whole.epochs[die_at[0] - 1 :]
    assert second.finished == whole.finished
    assert second.validations == whole.validations[die_at[0] - 1 :]


def test_only_the_steps_that_are_left_are_taken(tmp_path, monkeypatch):
    kind, options = KINDS[0]
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, kind, options, die_at=(3, 192), epochs=3)
    steps = []
    from raytemplate.models.torch.optimizer import Adam

    step = Adam.step
    monkeypatch.setattr(Adam, "step", lambda self, lr: (steps.append(lr), step(self, lr)))
    assert train(tmp_path, kind, options).epochs == [3]
    assert len(steps) == 200 - 192
