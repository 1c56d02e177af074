"""The family `additive`: a table a column, boosted. Numbers are cut into ranges, categories have a place a value."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from raytemplate.models.context import Layout, LoopContext
from raytemplate.models.options import TrainingSpec
from raytemplate_sample.options import FAMILY, AdditiveOptions

TABLES = "tables.npy"
_EDGES = np.linspace(-4, 4, 65)  # of scaled numbers, the same on every worker

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def train(context: LoopContext, options: AdditiveOptions, training: TrainingSpec) -> None:
    """Rounds, reported and checkpointed every `checkpoint_every`, until all are done or the context says stop."""
    layout, rows, held = context.layout, context.arrays("train"), context.arrays("validation")
    places, held_places = _places(rows.dense, rows.codes), _places(held.dense, held.codes)
    tables, done = _go_on(context, _shape(layout))
    counts = context.add_up(_sums(places, np.ones(len(rows)), tables.shape))
    every, stop = FAMILY.checkpoint_interval(training, options.rounds), False
    while done < options.rounds and not stop:
        started, first = time.perf_counter(), done
        done = min((done // every + 1) * every, options.rounds)
        error = rows.target - predict(tables, places, layout)
        for _ in range(first, done):
            sums = context.add_up(_sums(places, error, tables.shape))
            step = sums / np.maximum(counts + options.smoothing, 1)
            best = int(np.argmax((sums * step).sum(axis=1)))
            tables[best] += training.lr * step[best]
            error = rows.target - predict(tables, places, layout)
        stop = context.report(
            epoch=done,
            train_loss=float(np.square(error).mean()) if len(rows) else 0.0,
            validation=context.measure([(held.target, predict(tables, held_places, layout))]),
            loop_s=time.perf_counter() - started,
            num_rows=len(rows) * (done - first),
            save=lambda folder: np.save(folder / TABLES, tables, allow_pickle=False),
        )
    context.finish(hashlib.sha256(tables.tobytes()).hexdigest())


class AdditivePredictor:
    """The tables of all columns."""

    def __init__(self, tables: Floats, layout: Layout) -> None:
        self._tables, self._layout = tables, layout

    @classmethod
    def load(cls, folder: Path, layout: Layout) -> AdditivePredictor:
        """The tables in a folder; never a pickle."""
        return cls(np.load(folder / TABLES, allow_pickle=False), layout)

    def predict(self, dense: NDArray[np.float32], codes: NDArray[np.int32]) -> Floats:
        """Predictions in the target's unit, float64 [rows]."""
        return predict(self._tables, _places(dense, codes), self._layout)


def predict(tables: Floats, places: Places, layout: Layout) -> Floats:
    """The mean and what each column adds. tables: [columns, places]; places: [rows, columns]."""
    return layout.target_mean + tables[np.arange(len(tables)), places].sum(axis=1)


def _shape(layout: Layout) -> tuple[int, int]:
    return len(layout.dense) + len(layout.codes), max(len(_EDGES) + 1, *layout.cardinalities, 1)


def _places(dense: NDArray[np.float32], codes: NDArray[np.int32]) -> Places:
    return np.concatenate([np.searchsorted(_EDGES, dense, side="right"), codes], axis=1).astype(np.int64)


def _sums(places: Places, values: Floats, shape: tuple[int, int]) -> Floats:
    """Values summed by column and place."""
    num_columns, width = shape
    flat = (places + width * np.arange(num_columns)).ravel()
    return np.bincount(flat, np.repeat(values, num_columns), num_columns * width).reshape(shape)


def _go_on(context: LoopContext, shape: tuple[int, int]) -> tuple[Floats, int]:
    """The tables of the newest checkpoint and their rounds, or empty ones."""
    found = context.checkpoint()
    return (np.load(found[0] / TABLES, allow_pickle=False), found[1]) if found else (np.zeros(shape), 0)
