"""A sweep with Optuna alone: one process, one thread, trial after trial, as in Optuna's first example.

    python benchmarks/optuna_by_hand.py DIR [--as-of 2013-02-15] [--trials 24] [--epochs 3] [--seconds 60] [--late]

Each trial trains the network of `plain_torch.py`; the best values are then trained on train and validation together,
and the test error is that of this model. With `--late` it predicts whether a flight lands more than 15 minutes late.
The last line of stdout is one JSON object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import optuna
import plain_torch
import torch
from plain_torch import Net, Rows, encode, mean_absolute_error, read_windows, train_epoch
from torch import Tensor, nn

SPACE = {"lr": (1e-4, 1e-1), "hidden": (32, 64, 128)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Train, validation and test, and the settings to shrink. `size` and `batch_size` are as in `plain_torch`."""

    windows: tuple[Rows, Rows, Rows]
    cardinalities: list[int]
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Net, Rows], float]
    batch_size: int
    epochs: int


def read(options: argparse.Namespace) -> Problem:
    """The data for these options, in memory."""
    as_of = datetime.fromisoformat(options.as_of).replace(tzinfo=UTC)
    if options.late:
        plain_torch.TARGET = "arr_delay"
    windows, cardinalities, mean, scale = encode(read_windows(options.folder / "data" / "flights", as_of))
    loss, score = nn.functional.l1_loss, lambda net, rows: mean_absolute_error(net, rows, scale)
    if options.late:
        loss, score = nn.functional.binary_cross_entropy_with_logits, log_loss
        for rows in windows:  # delays are whole minutes
            rows.target.copy_(rows.target * scale + mean > 15.5)
    return Problem(
        windows=tuple(windows),
        cardinalities=cardinalities,
        loss=loss,
        score=score,
        batch_size=options.batch_size,
        epochs=options.epochs,
    )


@torch.no_grad()
def log_loss(net: Net, rows: Rows) -> float:
    total = 0.0
    for part in zip(rows.numbers.split(4096), rows.codes.split(4096), rows.target.split(4096), strict=True):
        numbers, codes, target = part
        total += nn.functional.binary_cross_entropy_with_logits(net(numbers, codes), target, reduction="sum").item()
    return total / len(rows.target)


def epochs_of(problem: Problem, rows: Rows, lr: float, hidden: int, seed: int):
    """Train, and yield the network after each epoch."""
    torch.manual_seed(seed)
    plain_torch.HIDDEN = hidden
    net = Net(len(plain_torch.NUMERIC), problem.cardinalities)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    for _ in range(problem.epochs):
        order = torch.randperm(len(rows.target))
        train_epoch(net, optimizer, rows, order, batch_size=problem.batch_size, loss=problem.loss)
        yield net


def both(train_rows: Rows, validation: Rows) -> Rows:
    """The rows of train and validation together."""
    parts = ("numbers", "codes", "target")
    return Rows(**{part: torch.cat([getattr(train_rows, part), getattr(validation, part)]) for part in parts})


def last_of(problem: Problem, values: dict, seed: int) -> float:
    """The test score with these values, after training on train and validation."""
    *_, net = epochs_of(problem, both(*problem.windows[:2]), values["lr"], values["hidden"], seed)
    return problem.score(net, problem.windows[2])


def arguments(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds data/flights/*.parquet")
    parser.add_argument("--as-of", default="2013-02-15", help="UTC; windows end here")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=plain_torch.BATCH_SIZE)
    parser.add_argument("--seconds", type=float, help="try as much as fits into so long, whatever --trials says")
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--seed", type=int, default=7)
    return parser


def main() -> None:
    options = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    problem = read(options)
    rows, validation, _ = problem.windows

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", *SPACE["lr"], log=True)
        hidden = trial.suggest_categorical("hidden", SPACE["hidden"])
        *_, net = epochs_of(problem, rows, lr, hidden, options.seed)
        return problem.score(net, validation)

    def end_in_time(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        one_s = (time.perf_counter() - began) / len(study.trials)
        if options.seconds and time.perf_counter() - START + 2.2 * one_s > options.seconds:  # one more, and the last
            study.stop()

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    began = time.perf_counter()
    study.optimize(objective, n_trials=None if options.seconds else options.trials, callbacks=[end_in_time])
    search_s = time.perf_counter() - began
    result = {
        "test": last_of(problem, study.best_params, options.seed),
        "validation": study.best_value,
        "num_trials": len(study.trials),
        "search_s": search_s,
        "total_s": time.perf_counter() - START,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
