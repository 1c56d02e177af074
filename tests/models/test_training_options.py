"""The fields of `training` for networks do what they promise, and training resumes exactly after a stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from raytemplate import plugins
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec
from raytemplate.models.torch.loop import rate
from raytemplate.models.torch.objective import LogLoss, objective
from raytemplate.testing.family_suite import simple_rows
from raytemplate.testing.loop_context import Killed, MemoryContext

LAYOUT = Layout(dense=("x", "y", "constant"), codes=("group",), cardinalities=(7,), target_mean=50.0, target_std=10.0)
MANY = {"warmup": "20 %", "clip_norm": 0.5, "precision": "bfloat16", "lr_schedule": "cosine"}


class ClassContext(MemoryContext):
    """Measures the mean probability that is not assigned to the row's class."""

    def measure(self, pairs):
        found = [1 - of_class(prediction, target) for target, prediction in pairs]
        return float(np.concatenate(found).mean())


def of_class(prediction, target):
    """The probability of each row's class; float [rows]."""
    if prediction.ndim == 1:
        return np.where(target == 1, prediction, 1 - prediction)
    return prediction[np.arange(len(target)), target.astype(int)]


def class_rows(num_rows, seed, cuts):
    """Rows of `simple_rows` whose target is the number of cuts that it is above."""
    rows = simple_rows(num_rows, seed)
    return replace(rows, target=np.digitize(rows.target, cuts).astype(np.float32))


def train(folder, training, *, layout=LAYOUT, cuts=None, name="tabular-mlp", options=None, **limits):
    make = simple_rows if cuts is None else lambda n, seed: class_rows(n, seed, cuts)
    rows = {"train": make(2000, seed=1), "validation": make(500, seed=2)}
    kind = MemoryContext if cuts is None else ClassContext
    context = kind(rows, layout, folder, seed=1, **limits)
    family = plugins.load(plugins.FAMILIES, name)
    defaults = {"seed": 1, "epochs": 4, "lr": 1e-2, "batch_size": 64}
    plugins.resolve(family.loop)(context, family.options(**options or {}), TrainingSpec(**{**defaults, **training}))
    loaded = plugins.resolve(family.predictor).load(context.checkpoint()[0], layout)
    return context, loaded


def of_classes(num):
    task = "binary" if num == 2 else "multiclass"
    return replace(LAYOUT, task=task, classes=tuple("abc")[:num], class_counts=(1900, 60, 40)[:num])


def rates(**training):
    spec = TrainingSpec(**{"lr": 1.0, "epochs": 4, "batch_size": 10, **training})
    return [rate(spec, 100, epoch, step) for epoch in range(1, 5) for step in range(10)]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_a_schedule_starts_at_the_rate_and_never_rises(schedule):
    found = rates(lr_schedule=schedule)
    assert found[0] == 1.0 and found == sorted(found, reverse=True)
    assert found[-1] == 1.0 if schedule == "constant" else 0 < found[-1] < 0.05
    assert found[20] == pytest.approx(1.0 if schedule == "constant" else 0.5)


def test_a_warmup_rises_to_the_rate_over_its_share_of_all_steps():
    found = rates(lr_schedule="cosine", warmup="20 %")
    assert found[:8] == [n / 9 for n in range(1, 9)]
    assert found[8] == 1.0 == max(found)
    assert found[8:] == sorted(found[8:], reverse=True)


@pytest.mark.parametrize("option", MANY)
def test_each_option_changes_the_training_and_it_still_learns(option, tmp_path):
    plain, _ = train(tmp_path / "plain", {})
    other, _ = train(tmp_path / option, {option: MANY[option]})
    assert plain.finished != other.finished
    assert other.validations[-1] < 0.5 * other.validations[0]


def test_all_options_together_go_on_from_a_checkpoint_to_the_bit(tmp_path):
    whole, _ = train(tmp_path / "whole", MANY)
    train(tmp_path / "parts", MANY, stop_after=2)
    second, _ = train(tmp_path / "parts", MANY)
    assert (second.epochs, second.finished) == ([3, 4], whole.finished)


INSIDE = [
    pytest.param(16, 65, id="in its middle"),
    pytest.param(16, 1, id="after its first step", marks=pytest.mark.slow),
    pytest.param(31, 65, id="after its last step", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("batch_size", "steps"), INSIDE)
def test_a_training_killed_inside_an_epoch_goes_on_there_to_the_bit(batch_size, steps, tmp_path):
    training, dropout = {"batch_size": batch_size, "epochs": 3}, {"dropout": 0.3}
    whole, _ = train(tmp_path / "whole", training, options=dropout)
    with pytest.raises(Killed):
        train(tmp_path / "parts", training, options=dropout, killed_inside=(2, steps))
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["epoch-00001", f"epoch-00001.{steps:09d}"]
    second, _ = train(tmp_path / "parts", training, options=dropout)
    assert (second.epochs, second.losses, second.finished) == ([2, 3], whole.losses[1:], whole.finished)


def test_a_clipped_step_is_no_longer_than_it_may_be(monkeypatch, tmp_path):
    lengths = []
    clip = torch.nn.utils.clip_grad_norm_

    def seen(parameters, longest):
        parameters = list(parameters)
        clip(parameters, longest)
        lengths.append(float(torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in parameters]))))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", seen)
    train(tmp_path, {"clip_norm": 0.1, "epochs": 1})
    assert len(lengths) == 32 and max(lengths) <= 0.1 + 1e-6


def test_weights_stay_float32_where_products_are_bfloat16(tmp_path):
    from safetensors.numpy import load_file

    context, _ = train(tmp_path, {"precision": "bfloat16"})
    weights = load_file(context.checkpoint()[0] / "weights.safetensors")
    assert {value.dtype for value in weights.values()} == {np.dtype("float32")}


@pytest.mark.parametrize(("num", "cuts"), [(2, [58]), (3, [50, 62])], ids=["two", "three"])
def test_classes_are_learned_and_predicted_as_probabilities(num, cuts, tmp_path):
    context, model = train(tmp_path, {"loss": "log-loss", "epochs": 8}, layout=of_classes(num), cuts=cuts)
    unseen = class_rows(1000, seed=3, cuts=cuts)
    predicted = model.predict(unseen.dense, unseen.codes)
    assert predicted.shape == ((1000,) if num == 2 else (1000, 3))
    assert predicted.dtype == np.float64 and predicted.min() >= 0 and predicted.max() <= 1
    assert num == 2 or np.allclose(predicted.sum(axis=1), 1)
    assert of_class(predicted, unseen.target).mean() > 0.8
    assert model.predict(unseen.dense[:0], unseen.codes[:0]).shape == predicted[:0].shape
    assert context.validations[-1] < context.validations[0]


def test_balanced_classes_find_more_of_the_rare_one(tmp_path):
    cuts = [72]
    layout = replace(of_classes(2), class_counts=(1960, 40))
    shares = {}
    for weights in ("none", "balanced"):
        training = {"loss": "log-loss", "epochs": 2, "lr": 1e-3, "class_weights": weights}
        _, model = train(tmp_path / weights, training, layout=layout, cuts=cuts)
        unseen = class_rows(4000, seed=3, cuts=cuts)
        shares[weights] = model.predict(unseen.dense, unseen.codes)[unseen.target == 1].mean()
    assert shares["balanced"] > shares["none"] + 0.2


@pytest.mark.parametrize("num", [2, 3])
def test_the_mean_weight_of_a_row_is_one(num):
    layout = of_classes(num)
    loss = objective(TrainingSpec(loss="log-loss", class_weights="balanced"), layout).criterion
    assert isinstance(loss, LogLoss) and loss.weights is not None
    counts = torch.tensor(layout.class_counts)
    assert float((loss.weights * counts).sum() / counts.sum()) == pytest.approx(1)
    assert torch.allclose(loss.weights * counts, (loss.weights * counts)[0].expand(num))
