"""Predicts air time with LightGBM or XGBoost alone, called as their guides show, on arrays that are ready.

    python benchmarks/trees_by_hand.py FOLDER lightgbm|xgboost [--rounds 200] [--lr 0.1]

FOLDER contains {train,test}_{dense,codes,target}.npy, as `trees.py` leaves them. The last line of stdout is one JSON
object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray, int]
Predict = Callable[[np.ndarray], np.ndarray]


def read(folder: Path, window: str) -> Arrays:
    """Features, float32 [rows, features], numbers before codes; target, float32 [rows]; and how many are numbers."""
    dense, codes, target = (np.load(folder / f"{window}_{part}.npy") for part in ("dense", "codes", "target"))
    return np.concatenate([dense, codes.astype(np.float32)], axis=1), target, dense.shape[1]


def lightgbm_fit(rows: Arrays, num_rounds: int, lr: float) -> Predict:
    import lightgbm

    table, target, num_numbers = rows
    # LightGBM by default bundles columns that are mostly zero, which gives other trees than raytemplate's.
    params = {"objective": "l1", "learning_rate": lr, "num_leaves": 31, "num_threads": 1, "seed": 7, "verbosity": -1,
              "enable_bundle": False}  # fmt: skip
    categories = list(range(num_numbers, table.shape[1]))
    data = lightgbm.Dataset(table, label=target, categorical_feature=categories, params=params)
    booster = lightgbm.train(params, data, num_boost_round=num_rounds)
    return lambda unseen: np.asarray(booster.predict(unseen, num_threads=1))


def xgboost_fit(rows: Arrays, num_rounds: int, lr: float) -> Predict:
    import xgboost

    table, target, num_numbers = rows
    kinds = ["q"] * num_numbers + ["c"] * (table.shape[1] - num_numbers)
    params = {"objective": "reg:absoluteerror", "learning_rate": lr, "max_depth": 6, "tree_method": "hist",
              "nthread": 1, "seed": 7}  # fmt: skip
    data = xgboost.DMatrix(table, target, feature_types=kinds, enable_categorical=True, nthread=1)
    booster = xgboost.train(params, data, num_boost_round=num_rounds)
    return lambda unseen: booster.predict(
        xgboost.DMatrix(unseen, feature_types=kinds, enable_categorical=True, nthread=1)
    )


FITS = {"lightgbm": lightgbm_fit, "xgboost": xgboost_fit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("library", choices=sorted(FITS))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--lr", type=float, default=0.1)
    options = parser.parse_args()

    __import__(options.library)  # not part of the measured fit, as it is not part of raytemplate's
    rows = read(options.folder, "train")
    began = time.perf_counter()
    predict = FITS[options.library](rows, options.rounds, options.lr)
    fit_s = time.perf_counter() - began
    unseen, target, _ = read(options.folder, "test")
    result = {
        "fit_s": fit_s,
        "test_mae": float(np.abs(predict(unseen) - target).mean()),
        "num_rows": len(rows[1]),
        "total_s": time.perf_counter() - START,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
