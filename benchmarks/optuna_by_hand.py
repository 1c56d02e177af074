"""A sweep with Optuna alone: one process, one thread, trial after trial, as its own first example shows it.

    python benchmarks/optuna_by_hand.py DIR [--as-of 2013-02-15] [--trials 24] [--epochs 3] [--seconds 60]

Each trial trains the network of `plain_torch.py`; the best values are then trained on train and validation together,
and the test error is that of this model. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import optuna
import plain_torch
import torch
from plain_torch import Net, Rows, encode, mean_absolute_error, read_windows, train_epoch

SPACE = {"lr": (1e-4, 1e-1), "hidden": (32, 64, 128)}


def train(rows: Rows, cardinalities: list[int], lr: float, hidden: int, epochs: int, seed: int) -> Net:
    """A network trained for so many epochs."""
    torch.manual_seed(seed)
    plain_torch.HIDDEN = hidden
    net = Net(len(plain_torch.NUMERIC), cardinalities)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    for _ in range(epochs):
        train_epoch(net, optimizer, rows, torch.randperm(len(rows.target)))
    return net


def both(train_rows: Rows, validation: Rows) -> Rows:
    """Train and validation together."""
    parts = ("numbers", "codes", "target")
    return Rows(**{part: torch.cat([getattr(train_rows, part), getattr(validation, part)]) for part in parts})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds data/flights/*.parquet")
    parser.add_argument("--as-of", default="2013-02-15", help="UTC; windows end here")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="end the search after so long")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    as_of = datetime.fromisoformat(options.as_of).replace(tzinfo=UTC)
    (rows, validation, test), cardinalities, _, scale = encode(read_windows(options.folder / "data" / "flights", as_of))

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", *SPACE["lr"], log=True)
        hidden = trial.suggest_categorical("hidden", SPACE["hidden"])
        net = train(rows, cardinalities, lr, hidden, options.epochs, options.seed)
        return mean_absolute_error(net, validation, scale)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    began = time.perf_counter()
    study.optimize(objective, n_trials=options.trials, timeout=options.seconds)
    search_s = time.perf_counter() - began
    best = train(both(rows, validation), cardinalities, **study.best_params, epochs=options.epochs, seed=options.seed)
    result = {
        "test_mae": mean_absolute_error(best, test, scale),
        "validation_mae": study.best_value,
        "num_trials": len(study.trials),
        "search_s": search_s,
        "total_s": time.perf_counter() - START,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
