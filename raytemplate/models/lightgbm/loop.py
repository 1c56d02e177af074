"""Trains `lightgbm` on the arrays of its context."""

import re
import time
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from lightgbm.callback import CallbackEnv, EarlyStopException
from numpy.typing import NDArray

from raytemplate.errors import TrainingFailed
from raytemplate.models.context import Batch, LoopContext
from raytemplate.models.lightgbm.family import FAMILY, LightGbmOptions
from raytemplate.models.options import TrainingSpec
from raytemplate.models.rounds import out_of_time

TREES = "trees.txt"
_ALONE = {"machines": "", "local_listen_port": "12400"}
"""What LightGBM writes into a model instead of its workers' addresses if there is only one worker."""
_OBJECTIVE = {"mae": "l1", "mse": "l2", "huber": "huber", "quantile": "quantile"}
_OF_CLASSES = {"binary": ("binary", "binary_logloss"), "multiclass": ("multiclass", "multi_logloss")}


def train(context: LoopContext, options: LightGbmOptions, training: TrainingSpec) -> None:
    """Runs boosting rounds, reported and checkpointed every `checkpoint_every`, until the context says stop."""
    rows = context.arrays("train")
    if not len(rows):
        raise TrainingFailed(
            "LightGBM needs rows on every worker, but this one got none", next_step="set fewer resources.workers"
        )
    names = _names([*context.layout.dense, *context.layout.codes])
    params = _params(context, options, training)
    data = lightgbm.Dataset(
        _table(rows),
        label=rows.target,
        categorical_feature=list(range(len(context.layout.dense), len(names))),
        feature_name=names,
        params=params,
    )
    trees, done = _go_on(context)
    if done < options.num_trees:
        lightgbm.train(
            # The number of all trees, even when resuming: it is written into the model. `_Report` ends training.
            params,
            data,
            num_boost_round=options.num_trees,
            init_model=trees,
            valid_sets=[data],
            valid_names=["train"],
            callbacks=[_Seed(training.seed, done), _Report(context, options, training, len(rows), done)],
        )
    context.finish("")


def _names(columns: list[str]) -> list[str]:
    """The names of the columns, or their numbers if LightGBM refuses a name ("note:late", text in other scripts)."""
    plain = re.compile(r"[\w.()=<>-]+", re.ASCII)
    return [name if plain.fullmatch(name) else f"column_{index}" for index, name in enumerate(columns)]


class _Seed:
    """Seeds the features of each tree by (seed, round), so that a resumed training equals an uninterrupted one."""

    order = 0
    before_iteration = True

    def __init__(self, seed: int, done: int) -> None:
        self._seed, self._done = seed, done

    def __call__(self, env: CallbackEnv) -> None:
        number = self._done + env.iteration - env.begin_iteration
        assert isinstance(env.model, lightgbm.Booster)
        env.model.reset_parameter({"feature_fraction_seed": (self._seed * 100_003 + number) % 2**31})


class _Report:
    """Called by LightGBM after each round; ends training when the context says so."""

    order = 0
    before_iteration = False

    def __init__(
        self, context: LoopContext, options: LightGbmOptions, training: TrainingSpec, num_rows: int, done: int
    ) -> None:
        self._context, self._num_trees, self._num_rows = context, options.num_trees, num_rows
        self._before = self._told = done
        self._every = FAMILY.checkpoint_interval(training, options.num_trees)
        self._validation = context.arrays("validation")
        self._scores = _Scores(_table(self._validation), self._every, context.layout.task)
        self._started = time.perf_counter()

    def __call__(self, env: CallbackEnv) -> None:
        done = self._before + env.iteration - env.begin_iteration + 1
        if done % self._every and done < self._num_trees and not out_of_time(self._context, done):
            return
        loop_s = time.perf_counter() - self._started
        booster, found = env.model, env.evaluation_result_list or []
        assert isinstance(booster, lightgbm.Booster)
        stop = self._context.report(
            epoch=done,
            train_loss=float(found[0][2]),
            validation=self._context.measure([(self._validation.target, self._scores.of(booster, done))]),
            loop_s=loop_s,
            num_rows=self._num_rows * (done - self._told),
            save=lambda folder: save(booster, folder),
        )
        self._started, self._told = time.perf_counter(), done
        if stop or done == self._num_trees:
            raise EarlyStopException(env.iteration, found)


def _params(context: LoopContext, options: LightGbmOptions, training: TrainingSpec) -> dict[str, Any]:
    same = _OBJECTIVE.get(training.loss, "")
    objective, metric = _OF_CLASSES.get(context.layout.task, (same, same))
    params: dict[str, Any] = {
        "objective": objective, "metric": metric,
        "learning_rate": training.lr, "num_leaves": options.num_leaves,
        "min_data_in_leaf": options.min_rows_in_leaf, "lambda_l2": options.l2,
        "feature_fraction": options.feature_share, "seed": training.seed, "num_threads": training.threads,
        "deterministic": True, "force_row_wise": True, "verbosity": -1, "max_cat_to_onehot": 4,
        # With bundled columns training sees some rows differently from prediction: their reported error is then not the
        # model's, and resuming from a checkpoint gives other trees.
        "enable_bundle": False,
    }  # fmt: skip
    if objective == "multiclass":
        params["num_class"] = len(context.layout.classes)
    if training.quantile is not None:
        params["alpha"] = training.quantile
    if context.num_ranks > 1:
        params |= {"tree_learner": "data", "pre_partition": True, **context.network()}
    return params


def _table(batch: Batch) -> NDArray[np.float32]:
    """float32 [rows, features]: numbers first, then codes; codes below 2**24 are exact in float32."""
    return np.concatenate([batch.dense, batch.codes.astype(np.float32)], axis=1)


class _Scores:
    """Predictions of a growing booster that evaluate each tree only once.

    They are added up `every` rounds at a time from the first tree on, so that resuming gives the same bits.
    """

    def __init__(self, table: NDArray[np.float32], every: int, task: str) -> None:
        self._table, self._every, self._task = table, every, task
        self._done, self._raw = 0, np.float64(0.0)

    def of(self, booster: lightgbm.Booster, rounds: int) -> NDArray[np.float64]:
        """float64 [rows] or [rows, classes], as `Booster.predict` gives for that many rounds."""
        while self._done < rounds:
            more = min(self._every, rounds - self._done)
            raw = booster.predict(
                self._table, start_iteration=self._done, num_iteration=more, raw_score=True, num_threads=1
            )
            self._raw = self._raw + np.asarray(raw, dtype=np.float64)
            self._done += more
        if self._task == "binary":
            return 1.0 / (1.0 + np.exp(-self._raw))
        if self._task == "multiclass":
            powers = np.exp(self._raw - self._raw.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        return np.asarray(self._raw)


def save(booster: lightgbm.Booster, folder: Path) -> None:
    """Saves the trees in LightGBM's text format, without anything that depends on where they were trained. Python
    writes the file, because its errors tell a full disk.
    """
    text = booster.model_to_string()
    for name, value in _ALONE.items():
        text = re.sub(rf"^\[{name}: .*\]$", f"[{name}: {value}]", text, flags=re.MULTILINE)
    (folder / TREES).write_bytes(text.encode())


def _go_on(context: LoopContext) -> tuple[lightgbm.Booster | None, int]:
    found = context.checkpoint()
    if found is None:
        return None, 0
    folder, epoch = found
    return lightgbm.Booster(model_file=folder / TREES), epoch
