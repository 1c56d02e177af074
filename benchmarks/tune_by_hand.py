"""The sweep of `optuna_by_hand.py` with Ray Tune, in two ways from Tune's guides.

    python benchmarks/tune_by_hand.py DIR function|trainer [--trials 24] [--epochs 3] [--seconds 60]

`function`: a function trainable, reused actors, ASHA, data in the object store. `trainer`: a `TorchTrainer` with one
worker for each trial. The best values are trained again and tested as in that script. With `--seconds`,
`TuneConfig(time_budget_s)` ends the search. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from optuna_by_hand import SPACE, Problem, arguments, epochs_of, last_of, read
from ray import tune


def scores(values: dict[str, Any], problem: Problem):
    """Train with these values; yields the validation error after each epoch."""
    torch.set_num_threads(1)
    rows, validation, _ = problem.windows
    for net in epochs_of(problem, rows, values["lr"], values["hidden"], 7):
        yield problem.score(net, validation)


def function_trial(values: dict[str, Any], problem: Any) -> None:
    for found in scores(values, problem):
        tune.report({"mae": found})


def trainer_trial(values: dict[str, Any], problem: Any) -> None:
    import ray.train
    import ray.train.torch

    def loop(config: dict[str, Any]) -> None:
        for found in scores(config, ray.get(config["problem"][0])):
            ray.train.report({"mae": found})
            Path(config["said"]).write_text(str(found))  # without a checkpoint Ray Train keeps no metrics

    with tempfile.TemporaryDirectory() as storage:
        said = Path(storage) / "mae"
        ray.train.torch.TorchTrainer(
            loop,
            train_loop_config={**values, "problem": problem, "said": str(said)},
            scaling_config=ray.train.ScalingConfig(num_workers=1, resources_per_worker={"CPU": 1}),
            run_config=ray.train.RunConfig(storage_path=storage),
        ).fit()
        tune.report({"mae": float(said.read_text())})


def trainable(kind: str, problem: Problem) -> Any:
    if kind == "function":
        return tune.with_resources(tune.with_parameters(function_trial, problem=problem), {"cpu": 1})
    # The trainer's worker holds the CPU; a trial that held one too would leave none for a second. Ray wants it to hold
    # something.
    reference = [ray.put(problem)]  # in a list, because Ray replaces a bare reference by its value
    return tune.with_resources(tune.with_parameters(trainer_trial, problem=reference), {"cpu": 0, "memory": 1})


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("kind", choices=["function", "trainer"])
    options = parser.parse_args()

    torch.set_num_threads(1)
    problem = read(options)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    space = {"lr": tune.loguniform(*SPACE["lr"]), "hidden": tune.choice(list(SPACE["hidden"]))}
    with tempfile.TemporaryDirectory() as storage:
        tuner = tune.Tuner(
            trainable(options.kind, problem),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="mae",
                mode="min",
                num_samples=-1 if options.seconds else options.trials,
                time_budget_s=options.seconds,
                reuse_actors=options.kind == "function",
                max_concurrent_trials=2,
                scheduler=tune.schedulers.ASHAScheduler(max_t=options.epochs),
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        )
        began = time.perf_counter()
        found = tuner.fit()
        search_s = time.perf_counter() - began
        best = found.get_best_result()
    result = {
        "test": last_of(problem, best.config, 7),
        "validation": best.metrics["mae"],
        "num_trials": len(found),
        "search_s": search_s,
        "total_s": time.perf_counter() - START,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
