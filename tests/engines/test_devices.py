"""A rank's model, its batches and everything else it computes with are on the device that it holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from raytemplate.engines.ray.training.context import Ranks
from raytemplate.engines.ray.trials.trial_calls import _TrialRanks
from raytemplate.errors import TrainingFailed
from raytemplate.models.options import TrainingSpec
from raytemplate.models.tabular_mlp.family import TabularMlpOptions
from raytemplate.models.tabular_mlp.loop import train as train_mlp
from raytemplate.models.torch.loop import fit
from raytemplate.models.xgboost.family import XgBoostOptions
from raytemplate.models.xgboost.loop import train as train_trees
from raytemplate.testing.family_suite import simple_layout, simple_rows
from raytemplate.testing.loop_context import MemoryContext

TRAINING = TrainingSpec(epochs=1, batch_size=64, clip_norm=1.0)


class OnMeta(Ranks):
    """A rank on the "meta" device, whose tensors have shapes but no values."""

    def device(self):
        return "meta"


class Held(MemoryContext):
    """A loop's view of a rank that holds some device; it remembers the calls."""

    def __init__(self, ranks, rows, layout, folder):
        super().__init__(rows, layout, folder)
        self._ranks, self.model, self.steps = ranks, None, 0

    def wrap(self, model):
        self.model = self._ranks.wrap(model)
        return self.model

    def device(self):
        return self._ranks.device()

    def batches(self, split, *, epoch, batch_size):
        for batch in super().batches(split, epoch=epoch, batch_size=batch_size):
            yield batch
            self.steps += 1


def held(ranks, folder, task="regression"):
    train = simple_rows(256, seed=1, task=task)
    return Held(
        ranks, {"train": train, "validation": simple_rows(64, seed=2, task=task)}, simple_layout(train, task), folder
    )


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3, 1)
        self.register_buffer("shift", torch.ones(1))

    def forward(self, dense, codes):
        return self.line(dense) + self.shift


def train_plain(context):
    fit(context, Plain, TRAINING, lambda folder: None)


def train_tabular(context):
    train_mlp(context, TabularMlpOptions(hidden=8), TRAINING)


@pytest.mark.parametrize("train", [train_plain, train_tabular], ids=["a network of one's own", "tabular-mlp"])
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_network_and_its_batches_are_on_the_device_that_the_slot_holds(tmp_path, train, task):
    if train is train_plain and task == "multiclass":
        pytest.skip("one output")
    context = held(OnMeta(), tmp_path, task)
    # Every step runs on that device: a tensor left elsewhere would be "on a different device". Then a value is read.
    with pytest.raises((RuntimeError, NotImplementedError), match=r"meta tensor|Tensor\.item"):
        train(context)
    assert context.steps == 4
    tensors = [*context.model.parameters(), *context.model.buffers()]
    assert {str(tensor.device) for tensor in tensors} == {"meta"}


@pytest.mark.parametrize(("gpus", "device"), [([0], "cuda:0"), ([], "cpu")], ids=["a GPU", "none"])
def test_a_trial_computes_where_ray_says_that_it_holds_a_gpu(monkeypatch, gpus, device):
    monkeypatch.setattr("ray.get_gpu_ids", lambda: gpus)
    assert _TrialRanks().device() == device


def test_whoever_says_the_device_moves_the_model_there():
    assert next(OnMeta().wrap(nn.Linear(2, 1)).parameters()).device.type == "meta"
    model = nn.Linear(2, 1)
    assert Ranks().wrap(model) is model


def test_trees_are_not_grown_on_a_cpu_while_a_gpu_is_held(tmp_path):
    import xgboost

    class OnGpu(Ranks):
        def device(self):
            return "cuda:0"

    if xgboost.build_info().get("USE_CUDA"):
        pytest.skip("this XGBoost has CUDA")
    with pytest.raises(TrainingFailed, match="holds a GPU, but its XGBoost is built for CPUs") as failed:
        train_trees(held(OnGpu(), tmp_path), XgBoostOptions(num_trees=2), TrainingSpec())
    assert "xgboost-cpu" in failed.value.next_step


def test_lightning_is_told_to_use_the_device_that_is_held(tmp_path):
    from lightning_fabric.utilities.exceptions import MisconfigurationException
    from pytorch_lightning import Callback

    from raytemplate.models.lightning.loop import _trainer

    class OnGpu(Ranks):
        def device(self):
            return "cuda:0"

    assert _trainer(held(Ranks(), tmp_path), TRAINING, Callback()).strategy.root_device.type == "cpu"
    if torch.cuda.is_available():
        assert _trainer(held(OnGpu(), tmp_path), TRAINING, Callback()).strategy.root_device.type == "cuda"
    else:  # it is required, with no fallback to the CPU
        with pytest.raises(MisconfigurationException, match=r"[Nn]o supported gpu backend"):
            _trainer(held(OnGpu(), tmp_path), TRAINING, Callback())


@pytest.mark.gpu
def test_a_trial_with_a_gpu_trains_on_it(tmp_path):
    class OnGpu(Ranks):
        def device(self):
            return "cuda:0"

    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    context = held(OnGpu(), tmp_path)
    train_tabular(context)
    assert {p.device.type for p in context.model.parameters()} == {"cuda"}
    assert torch.cuda.max_memory_allocated() > 0
    assert context.finished
