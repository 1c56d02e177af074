"""Trains `linear` on the arrays of its context."""

import hashlib
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.optimize import OptimizeResult, minimize
from threadpoolctl import threadpool_limits

from raytemplate.models.context import LoopContext
from raytemplate.models.linear.family import FAMILY, LinearOptions
from raytemplate.models.linear.objective import Floats, Objective
from raytemplate.models.linear.predict import WEIGHTS, in_unit
from raytemplate.models.options import TrainingSpec

SOLVER = "solver.json"
_STEPS_REMEMBERED = 20
# Tolerances of L-BFGS for the mean loss, with errors in deviations of the target: less would not show in any metric.
_FLAT, _NO_GAIN = 1e-6, 1e-10


def train(context: LoopContext, options: LinearOptions, training: TrainingSpec) -> None:
    """Runs L-BFGS, reported and checkpointed every `checkpoint_every` steps, until the loss no longer falls.

    At every checkpoint L-BFGS forgets its previous steps, so that a resumed training equals an uninterrupted one.
    Ranks add up their losses and gradients, and all take the same step.
    """
    with threadpool_limits(training.threads):
        _train(context, options, training)


def _train(context: LoopContext, options: LinearOptions, training: TrainingSpec) -> None:
    layout, rows, held = context.layout, context.arrays("train"), context.arrays("validation")
    objective = Objective(layout, training, rows, l2=options.l2, num_rows=context.num_train_rows, add_up=context.add_up)
    weights, done, ended = _go_on(context, objective.weights.shape)
    every = FAMILY.checkpoint_interval(training, options.max_steps)
    while done < options.max_steps and not ended:
        started = time.perf_counter()
        first, done = done, min((done // every + 1) * every, options.max_steps)
        sharp = objective.round_corners(first)
        found, in_time = _steps(context, objective, weights, done - first)
        if not in_time:
            break
        weights, ended = np.asarray(found.x), sharp and found.status != 1
        loop_s = time.perf_counter() - started
        predicted = in_unit(objective.weights.outputs(_shaped(objective, weights), held.dense, held.codes), layout)
        if context.report(
            epoch=done,
            train_loss=objective.loss(weights),
            validation=context.measure([(held.target, predicted.astype(np.float32))]),
            loop_s=loop_s,
            num_rows=len(rows) * (done - first),
            save=partial(save, _shaped(objective, weights), ended),
        ):
            break
    context.finish(hashlib.sha256(weights.tobytes()).hexdigest())


def _steps(context: LoopContext, objective: Objective, weights: Floats, most: int) -> tuple[OptimizeResult, bool]:
    """Runs at most `most` steps; the status is 1 if more are needed. Also returns False if time ran out first."""
    in_time = True

    def ask_the_clock(intermediate_result: OptimizeResult) -> None:
        nonlocal in_time
        in_time = not context.out_of_time()
        if not in_time:
            raise StopIteration

    found = minimize(
        objective,
        weights,
        jac=True,
        method="L-BFGS-B",
        callback=ask_the_clock,
        options={"maxiter": most, "maxfun": 20 * most, "maxcor": _STEPS_REMEMBERED, "gtol": _FLAT, "ftol": _NO_GAIN},
    )
    return found, in_time


def _shaped(objective: Objective, weights: Floats) -> Floats:
    return weights.reshape(objective.weights.shape)


def save(weights: Floats, ended: bool, folder: Path) -> None:
    """Saves the weights [inputs + 1, outputs], and whether L-BFGS has ended, in a folder. No pickles."""
    save_file({"weights": weights}, folder / WEIGHTS)
    (folder / SOLVER).write_text(json.dumps({"ended": ended}))


def _go_on(context: LoopContext, shape: tuple[int, int]) -> tuple[Floats, int, bool]:
    """Weights of the newest checkpoint, its step, and whether L-BFGS had ended; zeros if there is no checkpoint."""
    found = context.checkpoint()
    if found is None:
        return np.zeros(shape).ravel(), 0, False
    folder, epoch = found
    weights = load_file(folder / WEIGHTS)["weights"].astype(np.float64).ravel()
    return weights, epoch, bool(json.loads((folder / SOLVER).read_text())["ended"])
