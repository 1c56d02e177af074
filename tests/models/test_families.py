"""Every shipped family keeps the contract that plug-in authors get."""

import math
from dataclasses import replace

import numpy as np
import pytest

from raytemplate import plugins
from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec
from raytemplate.testing.family_suite import FamilySuite, simple_rows
from raytemplate.testing.loop_context import MemoryContext


class TestTabularMlp(FamilySuite):
    family = "tabular-mlp"
    settings = {"hidden": 32}
    training = {"epochs": 6, "lr": 1e-2, "batch_size": 64, "loss": "mae"}


class TestTabularMlpWithDropout(FamilySuite):
    family = "tabular-mlp"
    settings = {"hidden": 64, "dropout": 0.05}
    training = {"epochs": 8, "lr": 1e-2, "batch_size": 64, "lr_schedule": "constant"}


class TestTorchOfOnesOwn(FamilySuite):
    family = "torch"
    settings = {"build": "own_network:build", "args": {"hidden": 24}}
    training = {"epochs": 6, "lr": 1e-2, "batch_size": 64, "loss": "huber"}


class TestLightningOfOnesOwn(FamilySuite):
    family = "lightning"
    settings = {"module": "own_lightning:Net", "args": {"hidden": 24}}
    training = {"epochs": 8, "batch_size": 64}


@pytest.mark.slow
class TestLightningWithMuchOfItsOwn(FamilySuite):
    family = "lightning"
    settings = {"module": "own_lightning:Scheduled"}
    training = {"epochs": 8, "batch_size": 64, "clip_norm": 1.0}


class TestLightningStepsByHand(FamilySuite):
    family = "lightning"
    settings = {"module": "own_lightning:ByHand"}
    training = {"epochs": 8, "batch_size": 64}


class TestLightGbm(FamilySuite):
    family = "lightgbm"
    settings = {"num_trees": 60, "feature_share": 0.5}
    training = {"lr": 0.15}


class TestLightGbmOnAbsoluteErrors(FamilySuite):
    family = "lightgbm"
    settings = {"num_trees": 80}
    training = {"lr": 0.15, "loss": "mae"}


class TestXgBoost(FamilySuite):
    family = "xgboost"
    settings = {"num_trees": 60, "feature_share": 0.5, "row_share": 0.8}
    training = {"lr": 0.15}
    tolerance = 1e-6


class TestXgBoostOnAbsoluteErrors(FamilySuite):
    family = "xgboost"
    settings = {"num_trees": 80}
    training = {"lr": 0.15, "loss": "mae"}
    tolerance = 1e-6


class TestLinear(FamilySuite):
    family = "linear"
    settings = {"max_steps": 60}


class TestLinearOnAbsoluteErrors(FamilySuite):
    family = "linear"
    settings = {"max_steps": 200}
    training = {"loss": "mae", "checkpoint_every": 20}


class TestTabularMlpOnTwoClasses(FamilySuite):
    family = "tabular-mlp"
    task = "binary"
    settings = {"hidden": 32}
    training = {"epochs": 8, "lr": 1e-2, "batch_size": 64}


class TestTabularMlpOnThreeClasses(FamilySuite):
    family = "tabular-mlp"
    task = "multiclass"
    settings = {"hidden": 32}
    training = {"epochs": 8, "lr": 1e-2, "batch_size": 64}


class TestLightGbmOnTwoClasses(FamilySuite):
    family = "lightgbm"
    task = "binary"
    settings = {"num_trees": 60}
    training = {"lr": 0.15}


class TestLightGbmOnThreeClasses(FamilySuite):
    family = "lightgbm"
    task = "multiclass"
    settings = {"num_trees": 60}
    training = {"lr": 0.15}


class TestXgBoostOnTwoClasses(FamilySuite):
    family = "xgboost"
    task = "binary"
    settings = {"num_trees": 60}
    training = {"lr": 0.15}
    tolerance = 1e-6


class TestXgBoostOnThreeClasses(FamilySuite):
    family = "xgboost"
    task = "multiclass"
    settings = {"num_trees": 60}
    training = {"lr": 0.15}
    tolerance = 1e-6


class TestTorchOfOnesOwnOnTwoClasses(FamilySuite):
    family = "torch"
    task = "binary"
    settings = {"build": "own_network:build", "args": {"hidden": 24}}
    training = {"epochs": 6, "lr": 1e-2, "batch_size": 64}


class TestTorchOfOnesOwnOnThreeClasses(FamilySuite):
    family = "torch"
    task = "multiclass"
    settings = {"build": "own_network:build", "args": {"hidden": 24}}
    training = {"epochs": 6, "lr": 1e-2, "batch_size": 64}


@pytest.mark.slow
class TestLightningOfOnesOwnOnTwoClasses(FamilySuite):
    family = "lightning"
    task = "binary"
    settings = {"module": "own_lightning:OfClasses"}
    training = {"epochs": 6, "batch_size": 64}


class TestLightningOfOnesOwnOnThreeClasses(FamilySuite):
    family = "lightning"
    task = "multiclass"
    settings = {"module": "own_lightning:OfClasses"}
    training = {"epochs": 6, "batch_size": 64}


class TestLinearOnTwoClasses(FamilySuite):
    family = "linear"
    task = "binary"
    settings = {"max_steps": 60}


class TestLinearOnThreeClasses(FamilySuite):
    family = "linear"
    task = "multiclass"
    settings = {"max_steps": 60}


LAYOUT = Layout(dense=("x", "y", "constant"), codes=("group",), cardinalities=(7,), target_mean=50.0, target_std=10.0)


@pytest.mark.parametrize("name", ["tabular-mlp", "lightgbm", "xgboost", "linear"])
def test_every_loss_can_be_trained_with(name, tmp_path):
    family = plugins.load(plugins.FAMILIES, name)
    rows = {"train": simple_rows(300, seed=1), "validation": simple_rows(100, seed=2)}
    for loss in ("mae", "mse", "huber", "quantile"):
        context = MemoryContext(rows, LAYOUT, tmp_path / loss, stop_after=2)
        training = TrainingSpec(loss=loss, quantile=0.9 if loss == "quantile" else None, epochs=2, checkpoint_every=1)
        plugins.resolve(family.loop)(context, family.options(), training)
        assert context.epochs == [1, 2]
        assert all(math.isfinite(value) for value in context.validations)


def test_where_workers_were_is_not_written_into_their_trees(tmp_path):
    import lightgbm

    from raytemplate.models.lightgbm.loop import save

    rows = simple_rows(300, seed=1)

    def saved(**network):
        booster = lightgbm.train(
            {"verbosity": -1, "num_threads": 1, **network}, lightgbm.Dataset(rows.dense, rows.target), 3
        )
        save(booster, tmp_path)
        return booster.model_to_string(), (tmp_path / "trees.txt").read_bytes()

    text, alone = saved()
    assert alone == text.encode()
    assert saved(machines="10.1.2.3:4444", local_listen_port=4444)[1] == alone


def test_a_learning_rate_that_is_too_high_is_reported_with_its_epoch(tmp_path):
    family = plugins.load(plugins.FAMILIES, "tabular-mlp")
    rows = {"train": simple_rows(300, seed=1), "validation": simple_rows(100, seed=2)}
    context = MemoryContext(rows, LAYOUT, tmp_path)
    with pytest.raises(TrainingFailed, match=r"epoch 1$"):
        plugins.resolve(family.loop)(context, family.options(), TrainingSpec(lr=1e30, epochs=2))
    assert context.checkpoint() is None


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ("Two", r"the network gave \[64, 2\] for 64 rows, expected \[64\]"),
        ("Failing", r"own_network:Failing failed: own_network.py:\d+: RuntimeError: mat1 and mat2 shapes"),
        ("nothing", "gave NoneType, expected a torch.nn.Module"),
        ("without_weights", "there is nothing to train"),
    ],
)
def test_a_network_of_ones_own_that_cannot_be_trained_is_told_in_words(build, words, tmp_path):
    family = plugins.load(plugins.FAMILIES, "torch")
    rows = {"train": simple_rows(300, seed=1), "validation": simple_rows(100, seed=2)}
    context = MemoryContext(rows, LAYOUT, tmp_path)
    options = family.options(build=f"own_network:{build}")
    with pytest.raises(TrainingFailed, match=words):
        plugins.resolve(family.loop)(context, options, TrainingSpec(epochs=1, batch_size=64))


def test_the_order_of_rows_depends_on_seed_and_epoch_alone(tmp_path):
    rows = {"train": simple_rows(100, seed=1), "validation": simple_rows(10, seed=2)}

    def order(seed, epoch):
        context = MemoryContext(rows, LAYOUT, tmp_path, seed=seed)
        return np.concatenate([b.target for b in context.batches("train", epoch=epoch, batch_size=30)])

    assert np.array_equal(order(1, 1), order(1, 1))
    assert not np.array_equal(order(1, 1), order(1, 2))
    assert not np.array_equal(order(1, 1), order(2, 1))
    assert np.array_equal(np.sort(order(1, 2)), np.sort(rows["train"].target))


def test_rows_can_be_missing_a_category_entirely(tmp_path):
    family = plugins.load(plugins.FAMILIES, "tabular-mlp")
    train = simple_rows(300, seed=1)
    bare = replace(train, codes=np.empty((300, 0), dtype=np.int32))
    context = MemoryContext({"train": bare, "validation": bare}, replace(LAYOUT, codes=(), cardinalities=()), tmp_path)
    plugins.resolve(family.loop)(context, family.options(), TrainingSpec(epochs=1))
    assert context.epochs == [1]
