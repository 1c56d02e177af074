"""Trains `xgboost` on the arrays of its context."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Layout, LoopContext
from raytemplate.models.options import TrainingSpec
from raytemplate.models.rounds import out_of_time
from raytemplate.models.xgboost.family import FAMILY, XgBoostOptions
from raytemplate.models.xgboost.predict import TREES, in_unit, matrix

_OBJECTIVES = {
    "mae": ("reg:absoluteerror", "mae"),
    "mse": ("reg:squarederror", "rmse"),
    "huber": ("reg:pseudohubererror", "mphe"),
    "quantile": ("reg:quantileerror", "quantile"),
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
}


def train(context: LoopContext, options: XgBoostOptions, training: TrainingSpec) -> None:
    """Runs boosting rounds, reported and checkpointed every `checkpoint_every`, until the context says stop.

    Ranks communicate through the channel that Ray Train's XGBoost trainer opens around the loop.
    """
    layout = context.layout
    rows, held = context.arrays("train"), context.arrays("validation")
    target = rows.target
    if layout.task == "regression":
        target = ((target - layout.target_mean) / layout.target_std).astype(np.float32)
    data = matrix(rows.dense, rows.codes, target, threads=training.threads)
    validation = matrix(held.dense, held.codes, threads=training.threads)
    params = _params(layout, options, training) | {"device": _device(context)}
    booster, done = _go_on(context, data, params)
    every = FAMILY.checkpoint_interval(training, options.num_trees)
    while done < options.num_trees:
        started = time.perf_counter()
        first, done = done, min((done // every + 1) * every, options.num_trees)
        for number in range(first, done):
            booster.update(data, iteration=number)
            if out_of_time(context, number + 1):
                done = number + 1
                break
        loss = _loss(booster, data, training, layout)
        loop_s = time.perf_counter() - started
        predicted = in_unit(booster.predict(validation), layout).astype(np.float32)
        if context.report(
            epoch=done,
            train_loss=loss,
            validation=context.measure([(held.target, predicted)]),
            loop_s=loop_s,
            num_rows=len(rows) * (done - first),
            save=partial(save, booster),
        ):
            break
        if min(options.feature_share, options.row_share) < 1:
            booster = _seeded(params, data, done, booster.save_raw())
    context.finish("")


def _device(context: LoopContext) -> str:
    """The device on which trees are grown. A CPU build of XGBoost would only warn and use the CPU while the worker
    holds a GPU."""
    device = context.device()
    if device != "cpu" and not xgboost.build_info().get("USE_CUDA"):
        raise TrainingFailed(
            "this worker holds a GPU, but its XGBoost is built for CPUs",
            next_step="install xgboost in place of xgboost-cpu where the workers run, or set "
            "resources.per_worker.gpus: 0",
        )
    return device


def _params(layout: Layout, options: XgBoostOptions, training: TrainingSpec) -> dict[str, Any]:
    objective, metric = _OBJECTIVES[training.loss if layout.task == "regression" else layout.task]
    params: dict[str, Any] = {
        "objective": objective, "eval_metric": metric, "tree_method": "hist", "base_score": 0.0,
        "learning_rate": training.lr, "max_depth": options.max_depth, "min_child_weight": options.min_child_weight,
        "reg_lambda": options.l2, "colsample_bytree": options.feature_share, "subsample": options.row_share,
        "nthread": training.threads, "seed": training.seed, "seed_per_iteration": True, "verbosity": 0,
    }  # fmt: skip
    if training.quantile is not None:
        params["quantile_alpha"] = training.quantile
    if layout.task == "binary":
        # The share over the rows of all ranks. Training needs both classes: for 0 and 1 any finite number will do.
        params["base_score"] = float(np.clip(layout.class_counts[1] / max(1, sum(layout.class_counts)), 1e-6, 1 - 1e-6))
    if layout.task == "multiclass":
        params["num_class"] = len(layout.classes)
    return params


def _loss(booster: xgboost.Booster, data: xgboost.DMatrix, training: TrainingSpec, layout: Layout) -> float:
    """The training loss over all ranks: `mae` and `quantile` in the target's unit, `mse` and `huber` in deviations."""
    value = float(booster.eval(data).rpartition(":")[2])
    if layout.task != "regression":
        return value
    if training.loss in ("mae", "quantile"):
        return value * layout.target_std
    return value**2 if training.loss == "mse" else value


def save(booster: xgboost.Booster, folder: Path) -> None:
    """Saves the trees in XGBoost's binary JSON."""
    (folder / TREES).write_bytes(booster.save_raw(raw_format=TREES.rpartition(".")[2]))


def _go_on(context: LoopContext, data: xgboost.DMatrix, params: dict[str, Any]) -> tuple[xgboost.Booster, int]:
    """The trees of the newest checkpoint and their number; an empty booster and 0 if there is no checkpoint."""
    found = context.checkpoint()
    if found is None:
        return xgboost.Booster(params, [data]), 0
    folder, epoch = found
    return _seeded(params, data, epoch, bytearray((folder / TREES).read_bytes())), epoch


def _seeded(params: dict[str, Any], data: xgboost.DMatrix, done: int, trees: bytearray) -> xgboost.Booster:
    """A booster that continues from saved trees.

    A booster does not save its random state. If it samples features or rows, it is therefore also rebuilt after each
    checkpoint, with the same seed as a booster that resumes from there: both then draw the same.
    """
    seed = (params["seed"] * 100_003 + done) % 2**31
    return xgboost.Booster({**params, "seed": seed}, [data], model_file=trees)
