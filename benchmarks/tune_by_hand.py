"""The sweep of `optuna_by_hand.py` with Ray Tune, in two ways that its guides show.

    python benchmarks/tune_by_hand.py DIR function|trainer [--trials 24] [--epochs 3]

`function`: a function trainable, actors reused, ASHA, data in the object store. `trainer`: a `TorchTrainer` with one
worker a trial. The best values are trained again and tested as there. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import argparse
import json
import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import plain_torch
import ray
import torch
from optuna_by_hand import SPACE, both, train
from plain_torch import Net, encode, mean_absolute_error, read_windows, train_epoch
from ray import tune

Data = tuple[Any, Any, list[int], float]


def epochs_of(values: dict[str, Any], data: Data, epochs: int):
    """Train by these values; the validation error after each epoch."""
    rows, validation, cardinalities, scale = data
    torch.set_num_threads(1)
    torch.manual_seed(7)
    plain_torch.HIDDEN = values["hidden"]
    net = Net(len(plain_torch.NUMERIC), cardinalities)
    optimizer = torch.optim.Adam(net.parameters(), lr=values["lr"], fused=True)
    for _ in range(epochs):
        train_epoch(net, optimizer, rows, torch.randperm(len(rows.target)))
        yield mean_absolute_error(net, validation, scale)


def function_trial(values: dict[str, Any], data: Any, epochs: int) -> None:
    for found in epochs_of(values, data, epochs):
        tune.report({"mae": found})


def trainer_trial(values: dict[str, Any], data: Any, epochs: int) -> None:
    import ray.train
    import ray.train.torch

    def loop(config: dict[str, Any]) -> None:
        for found in epochs_of(config, ray.get(config["data"][0]), epochs):
            ray.train.report({"mae": found})
            Path(config["said"]).write_text(str(found))  # without a checkpoint Ray Train keeps no metrics

    with tempfile.TemporaryDirectory() as storage:
        said = Path(storage) / "mae"
        ray.train.torch.TorchTrainer(
            loop, train_loop_config={**values, "data": data, "said": str(said)},
            scaling_config=ray.train.ScalingConfig(num_workers=1, resources_per_worker={"CPU": 1}),
            run_config=ray.train.RunConfig(storage_path=storage),
        ).fit()  # fmt: skip
        tune.report({"mae": float(said.read_text())})


def trainable(kind: str, data: Data, epochs: int) -> Any:
    if kind == "function":
        return tune.with_resources(tune.with_parameters(function_trial, data=data, epochs=epochs), {"cpu": 1})
    # The trainer's worker holds the CPU; a trial that held one too would leave none for a second. Ray wants it to hold
    # something.
    reference = [ray.put(data)]  # in a list: alone it would be replaced by its value on the way
    return tune.with_resources(
        tune.with_parameters(trainer_trial, data=reference, epochs=epochs), {"cpu": 0, "memory": 1}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds data/flights/*.parquet")
    parser.add_argument("kind", choices=["function", "trainer"])
    parser.add_argument("--as-of", default="2013-02-15", help="UTC; windows end here")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()

    torch.set_num_threads(1)
    as_of = datetime.fromisoformat(options.as_of).replace(tzinfo=UTC)
    (rows, validation, test), cardinalities, _, scale = encode(read_windows(options.folder / "data" / "flights", as_of))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    data: Data = (rows, validation, cardinalities, scale)
    space = {"lr": tune.loguniform(*SPACE["lr"]), "hidden": tune.choice(list(SPACE["hidden"]))}
    with tempfile.TemporaryDirectory() as storage:
        tuner = tune.Tuner(
            trainable(options.kind, data, options.epochs), param_space=space,
            tune_config=tune.TuneConfig(
                metric="mae", mode="min", num_samples=options.trials, reuse_actors=options.kind == "function",
                max_concurrent_trials=2, scheduler=tune.schedulers.ASHAScheduler(max_t=options.epochs),
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        )  # fmt: skip
        began = time.perf_counter()
        found = tuner.fit()
        search_s = time.perf_counter() - began
        values = found.get_best_result().config
    best = train(both(rows, validation), cardinalities, values["lr"], values["hidden"], epochs=options.epochs, seed=7)
    result = {
        "test_mae": mean_absolute_error(best, test, scale),
        "validation_mae": found.get_best_result().metrics["mae"],
        "num_trials": len(found),
        "search_s": search_s,
        "total_s": time.perf_counter() - START,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
