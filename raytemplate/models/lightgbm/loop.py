"""Trains `lightgbm` on the arrays of its context, in stretches between checkpoints."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from raytemplate.models.context import Batch, LoopContext
from raytemplate.models.lightgbm.family import LightGbmOptions
from raytemplate.models.options import TrainingSpec

TREES = "trees.txt"
_OBJECTIVE = {"mae": "l1", "mse": "l2", "huber": "huber"}


def train(context: LoopContext, options: LightGbmOptions, training: TrainingSpec) -> None:
    """Boosting rounds, reported and checkpointed every `checkpoint_every` rounds, until the context says stop.

    Each stretch goes on from the trees so far; LightGBM then scores the training rows with them again, which
    costs little beside growing trees, and makes going on from a checkpoint the same as never having stopped.
    """
    every = training.checkpoint_every or max(1, options.num_trees // 20)
    rows, validation = context.arrays("train"), context.arrays("validation")
    names = [*context.layout.dense, *context.layout.codes]
    categorical = list(range(len(context.layout.dense), len(names)))
    params = _params(context, options, training)
    trees, done = _go_on(context)
    booster = trees
    table = _table(rows)
    while done < options.num_trees:
        stretch = min(every, options.num_trees - done)
        started = time.perf_counter()
        if booster is None or booster is trees or context.num_ranks == 1:
            data = lightgbm.Dataset(
                table, label=rows.target, categorical_feature=categorical, feature_name=names, params=params,
                free_raw_data=False,
            )  # fmt: skip
            booster = lightgbm.train(
                params, data, num_boost_round=stretch, init_model=booster, keep_training_booster=context.num_ranks > 1
            )
        else:
            # Ranks stay connected: a port that was just let go cannot be bound again at once.
            for _ in range(stretch):
                booster.update()
        loop_s = time.perf_counter() - started
        done += stretch
        loss = _loss(training, rows.target, _predict(booster, table))
        score = context.measure([(validation.target, _predict(booster, _table(validation)))])
        if context.report(
            epoch=done, train_loss=loss, validation=score, loop_s=loop_s, num_rows=len(rows) * stretch,
            save=partial(save, booster),
        ):  # fmt: skip
            break
    context.finish("")


def _params(context: LoopContext, options: LightGbmOptions, training: TrainingSpec) -> dict[str, Any]:
    params: dict[str, Any] = {
        "objective": _OBJECTIVE[training.loss], "learning_rate": training.lr, "num_leaves": options.num_leaves,
        "min_data_in_leaf": options.min_rows_in_leaf, "lambda_l2": options.l2,
        "feature_fraction": options.feature_share, "seed": training.seed, "num_threads": training.threads,
        "deterministic": True, "force_row_wise": True, "verbosity": -1, "max_cat_to_onehot": 4,
    }  # fmt: skip
    if context.num_ranks > 1:
        params |= {"tree_learner": "data", "pre_partition": True, **context.network()}
    return params


def _table(batch: Batch) -> NDArray[np.float32]:
    """float32 [rows, features]: numbers first, then codes; codes below 2**24 are exact in float32."""
    return np.concatenate([batch.dense, batch.codes.astype(np.float32)], axis=1)


def _predict(booster: lightgbm.Booster, table: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(booster.predict(table, num_threads=1), dtype=np.float32)


def _loss(training: TrainingSpec, target: NDArray[np.float32], prediction: NDArray[np.float32]) -> float:
    error = prediction.astype(np.float64) - target
    return float(np.abs(error).mean() if training.loss == "mae" else np.square(error).mean())


def save(booster: lightgbm.Booster, folder: Path) -> None:
    """The trees in LightGBM's own text format."""
    booster.save_model(folder / TREES)


def _go_on(context: LoopContext) -> tuple[lightgbm.Booster | None, int]:
    found = context.checkpoint()
    if found is None:
        return None, 0
    folder, epoch = found
    return lightgbm.Booster(model_file=folder / TREES), epoch
