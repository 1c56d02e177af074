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
# On the mean loss, errors in deviations of the target: what one more step would gain is then below any metric's digits.
_FLAT, _NO_GAIN = 1e-6, 1e-10


def train(context: LoopContext, options: LinearOptions, training: TrainingSpec) -> None:
    """Steps of L-BFGS, reported and checkpointed every `checkpoint_every` steps, until the loss no longer falls.

    At every checkpoint L-BFGS forgets the steps before it, so that going on from there equals never having stopped.
    Ranks add up their losses and gradients, and each takes the same step.
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
    """At most so many steps; status 1 where they did not suffice. False where time ran out in the middle."""
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
    """Weights [inputs + 1, outputs], and whether L-BFGS has nothing left to do, into a folder. No pickles."""
    save_file({"weights": weights}, folder / WEIGHTS)
    (folder / SOLVER).write_text(json.dumps({"ended": ended}))


def _go_on(context: LoopContext, shape: tuple[int, int]) -> tuple[Floats, int, bool]:
    """Weights of the newest checkpoint, its step and whether it was the last needed; zeros where there is none."""
    found = context.checkpoint()
    if found is None:
        return np.zeros(shape).ravel(), 0, False
    folder, epoch = found
    weights = load_file(folder / WEIGHTS)["weights"].astype(np.float64).ravel()
    return weights, epoch, bool(json.loads((folder / SOLVER).read_text())["ended"])
