"""Whole runs whose workers hold GPUs: every network, several workers, a sweep, what is stopped, and what it leaves."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from command_line import environment, raytemplate
from gpu_held import DEVICE, held
from own_project import CHANGES, LIGHTNING, write_package
from pulled_plug import When, pull_the_plug
from small_flights import AS_OF, LATENCY_ROWS, MODEL, SHIPPED, changed

from raytemplate import api
from raytemplate.errors import Unavailable
from raytemplate.records.judged import Approved

pytestmark = [pytest.mark.gpu, pytest.mark.ray, pytest.mark.timeout(600)]

HALF = """
import torch
from own_net.model import Net


class Half(Net):
    def forward(self, dense, codes):
        assert not self.training or dense.device.type == {device!r}, dense.device
        with torch.autocast({device!r} if self.training else dense.device.type, torch.bfloat16):
            found = super().forward(dense, codes)
        assert found.dtype == torch.bfloat16
        return found.float()


def build(layout, hidden=32):
    return Half(layout, hidden)
"""


@pytest.fixture
def run(demo):
    """Runs the small job with changes, in a project that has networks of its own."""
    package = write_package(demo)
    (package / "half.py").write_text(HALF.format(device=DEVICE))

    def go(changes, **more):
        return api.run(planned(demo, changes), **more)

    return go


def planned(demo, changes):
    # `changed` leaves the epochs out for any other family than the template's; all of these count in them.
    spec = api.load(demo / SHIPPED.name, set={**changed(changes), "training.epochs": changes.get("training.epochs", 2)})
    return api.plan(spec, AS_OF)


NETWORKS = {"tabular-mlp": {}, "torch": CHANGES, "lightning": LIGHTNING}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_network_trained_on_a_gpu_is_as_good_as_one_trained_on_a_cpu_and_predicts_without(run, demo, network):
    alone = run({**network, "resources.workers": 0})
    made = run({**network, **held()})
    assert made.fit.engine.startswith("Ray Train") and isinstance(made.verdict, Approved)
    assert made.fit.candidate.validation == pytest.approx(alone.fit.candidate.validation, rel=0.1)
    rows = pq.read_table(demo / "data" / "flights" / "2013-02.parquet").slice(0, 50)
    predicted = api.model(f"{MODEL}@champion", workspace=str(demo)).predict(rows).column("prediction").to_pylist()
    assert 20 < sum(predicted) / 50 < 400


def test_mixed_precision_of_ones_own_network_is_used_in_training_and_leaves_whole_weights(run):
    from safetensors.numpy import load_file

    made = run({**CHANGES, "model.build": "own_net.half:build", **held()})
    assert isinstance(made.verdict, Approved)
    (weights,) = made.journal.model.rglob("*.safetensors")
    assert {str(each.dtype) for each in load_file(weights).values()} == {"float32"}


def test_two_workers_on_one_gpu_end_with_the_same_weights(run):
    made = run(held(workers=2, share=0.5))
    assert made.fit.engine == "Ray Train, 2 workers" and len(made.fit.ranks) == 2
    assert len({rank.weights_sha256 for rank in made.fit.ranks}) == 1


def test_a_stopped_training_goes_on_to_much_the_same_model(run, demo):
    changes = {**held(), "training.epochs": 6, "training.batch_size": 64}
    whole = run(changes)
    with pytest.raises(Unavailable, match="the plug was pulled"):
        run(changes, listener=When(2, pull_the_plug))
    resumed = api.resume("last", workspace=str(demo))
    # The worker trains on while it is told that the plug was pulled.
    assert 2 <= resumed.fit.resumed_from_epoch < 6 and len(resumed.fit.epochs) == 6
    # A GPU adds up in an order of its own, so bits may differ.
    assert resumed.fit.candidate.validation == pytest.approx(whole.fit.candidate.validation, rel=0.01)


def test_trials_of_a_sweep_share_a_gpu(run):
    space = {"tuning.space.training.lr": "loguniform(1e-3, 1e-1)", "tuning.search": "random", "tuning.slots": 2}
    made = run({**space, **held(share=0.5), "resources.per_worker.cpus": 0.5, "budget.trials": 4})
    assert made.sweep is not None and made.sweep.slots == 2
    assert [one.problem for one in made.trials] == [""] * 4
    assert isinstance(made.verdict, Approved)


def test_the_latency_of_a_model_from_a_gpu_is_measured_and_it_predicts_without_one(run, demo):
    latency = run(held()).evaluation.latency
    assert latency is not None and 0 < latency.p95_s < 5 and latency.num_rows == LATENCY_ROWS
    typed = ["predict", MODEL, "data/flights/2013-02.parquet", "out.parquet"]
    done = raytemplate(*typed, cwd=demo, env=environment(CUDA_VISIBLE_DEVICES=""))
    assert done.returncode == 0, done.stderr
    assert 20 < pq.read_table(demo / "out.parquet")["prediction"].to_numpy().mean() < 400
