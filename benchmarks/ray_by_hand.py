"""Predicts air time with Ray Data and Ray Train as Ray's documentation shows them: one worker, preprocessors,
a preprocessed and materialized dataset, `iter_torch_batches` with a local shuffle, a checkpoint each epoch. With
`--stream` nothing is materialized, as for data larger than memory.

    python benchmarks/ray_by_hand.py DIR [--as-of 2013-06-01] [--epochs 3] [--out FOLDER]

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import argparse
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import ray
import ray.train
import torch
from ray.data.expressions import col
from ray.data.preprocessors import Chain, OrdinalEncoder, SimpleImputer, StandardScaler
from ray.train import Checkpoint, CheckpointConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, prepare_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

NUMERIC = ["distance", "seats", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
CATEGORICAL = ["carrier", "origin", "dest"]
CODES = [*CATEGORICAL, "weekday", "hour"]
TARGET, TIME = "air_time", "time_hour"
VALIDATION, TEST = timedelta(days=7), timedelta(days=14)
BATCH_SIZE, LR, HIDDEN, WIDEST_EMBEDDING = 512, 1e-3, 128, 16
SHUFFLE_BUFFER = 10_000


class Net(nn.Module):
    """Embeddings and numbers side by side, two hidden layers, one output."""

    def __init__(self, num_numbers: int, cardinalities: list[int]) -> None:
        super().__init__()
        widths = [min(WIDEST_EMBEDDING, (n + 1) // 2) for n in cardinalities]
        self.embeddings = nn.ModuleList(nn.Embedding(n, w) for n, w in zip(cardinalities, widths, strict=True))
        self.body = nn.Sequential(
            nn.Linear(num_numbers + sum(widths), HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 1),
        )

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        embedded = [embed(codes[:, i]) for i, embed in enumerate(self.embeddings)]
        return self.body(torch.cat([numbers, *embedded], dim=1)).squeeze(1)


def prepare_columns(batch: pd.DataFrame) -> pd.DataFrame:
    """Plain columns for the preprocessors: logarithm, parts of the time, floats."""
    batch = batch.assign(weekday=batch[TIME].dt.weekday, hour=batch[TIME].dt.hour, precip=np.log1p(batch["precip"]))
    return batch.drop(columns=TIME).astype(dict.fromkeys([*NUMERIC, TARGET], "float64"))


def to_arrays(batch: pd.DataFrame, cardinalities: list[int]) -> dict[str, np.ndarray]:
    """Columns side by side; an unknown category is encoded as NaN and gets the last index."""
    codes = batch[CODES].fillna(dict(zip(CODES, [n - 1 for n in cardinalities], strict=True)))
    return {
        "numbers": batch[NUMERIC].to_numpy(np.float32),
        "codes": codes.to_numpy(np.int64),
        "target": batch[TARGET].to_numpy(np.float32),
    }


def read_windows(folder: Path, as_of: datetime) -> dict[str, ray.data.Dataset]:
    flights = ray.data.read_parquet(str(folder), columns=[*NUMERIC, *CATEGORICAL, TARGET, TIME])
    flights = flights.filter(expr=(col(TIME) < as_of) & col(TARGET).is_not_null())
    test_from, validation_from = as_of - TEST, as_of - TEST - VALIDATION
    return {
        "train": flights.filter(expr=col(TIME) < validation_from),
        "validation": flights.filter(expr=(col(TIME) >= validation_from) & (col(TIME) < test_from)),
        "test": flights.filter(expr=col(TIME) >= test_from),
    }


@torch.no_grad()
def mean_absolute_error(net: nn.Module, batches: ray.data.DataIterator | ray.data.Dataset, scale: float) -> float:
    """Test error in minutes."""
    total, num_rows = 0.0, 0
    for batch in batches.iter_torch_batches(batch_size=4096):
        total += (net(batch["numbers"], batch["codes"]) - batch["target"]).abs().sum().item()
        num_rows += len(batch["target"])
    return total / num_rows * scale


def train_on_worker(config: dict) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    net = prepare_model(Net(len(NUMERIC), config["cardinalities"]))
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    train, validation = ray.train.get_dataset_shard("train"), ray.train.get_dataset_shard("validation")
    for epoch in range(config["epochs"]):
        began, num_rows = time.perf_counter(), 0
        batches = train.iter_torch_batches(
            batch_size=BATCH_SIZE,
            local_shuffle_buffer_size=SHUFFLE_BUFFER,
            local_shuffle_seed=config["seed"] + epoch,
        )
        for batch in batches:
            if epoch == 0 and num_rows == 0:
                print(f"first step at {time.time()}", flush=True)
            optimizer.zero_grad()
            nn.functional.l1_loss(net(batch["numbers"], batch["codes"]), batch["target"]).backward()
            optimizer.step()
            num_rows += len(batch["target"])
        loop_s = time.perf_counter() - began
        with tempfile.TemporaryDirectory() as folder:
            save_file(net.state_dict(), Path(folder) / "weights.safetensors")
            metrics = {
                "validation_mae": mean_absolute_error(net, validation, config["scale"]),
                "loop_s": loop_s,
                "num_rows": num_rows,
            }
            ray.train.report(metrics, checkpoint=Checkpoint.from_directory(folder))


def counts(datasets: dict[str, ray.data.Dataset]) -> dict[str, int]:
    return {name: datasets[name].count() for name in ("validation", "test")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds data/flights/*.parquet")
    parser.add_argument("--as-of", default="2013-06-01", help="UTC; windows end here")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--stream", action="store_true", help="read again in every pass; keep nothing in the object store"
    )
    parser.add_argument("--out", type=Path, help="folder for checkpoints and weights.safetensors; default: FOLDER")
    options = parser.parse_args()
    out = (options.out or options.folder).resolve()

    ray.init()
    torch.set_num_threads(1)
    as_of = datetime.fromisoformat(options.as_of).replace(tzinfo=UTC)
    raw = {
        name: window.map_batches(prepare_columns, batch_format="pandas")
        for name, window in read_windows(options.folder.resolve() / "data" / "flights", as_of).items()
    }
    if not options.stream:
        raw["train"] = raw["train"].materialize()  # otherwise read again for every fit below
    scaler, encoder = StandardScaler([*NUMERIC, TARGET]), OrdinalEncoder(CODES)
    mean_for_null = SimpleImputer(NUMERIC, strategy="constant", fill_value=0.0)  # scaled, so 0 is the mean: no fit
    preprocessor = Chain(scaler, mean_for_null, encoder)
    preprocessor.fit(raw["train"])
    cardinalities = [len(encoder.stats_[f"unique_values({name})"]) + 1 for name in CODES]
    scale = scaler.stats_[f"std({TARGET})"]
    datasets = {
        name: preprocessor.transform(window).map_batches(
            to_arrays, batch_format="pandas", fn_kwargs={"cardinalities": cardinalities}
        )
        for name, window in raw.items()
    }
    if not options.stream:
        datasets = {name: dataset.materialize() for name, dataset in datasets.items()}
    ready_s = time.perf_counter() - START

    trainer = TorchTrainer(
        train_on_worker,
        train_loop_config={
            "epochs": options.epochs,
            "seed": options.seed,
            "cardinalities": cardinalities,
            "scale": scale,
        },
        datasets={name: datasets[name] for name in ("train", "validation")},
        scaling_config=ScalingConfig(num_workers=1),
        run_config=RunConfig(
            storage_path=str(out / "ray_results"),
            checkpoint_config=CheckpointConfig(
                num_to_keep=options.epochs,
                checkpoint_score_attribute="validation_mae",
                checkpoint_score_order="min",
            ),
        ),
    )
    result = trainer.fit()
    fitted_s = time.perf_counter() - START

    checkpoint, metrics = min(result.best_checkpoints, key=lambda found: found[1]["validation_mae"])
    with checkpoint.as_directory() as folder:
        weights = load_file(Path(folder) / "weights.safetensors")
    net = Net(len(NUMERIC), cardinalities)
    net.load_state_dict(weights)
    save_file(weights, out / "weights.safetensors")
    epochs = [found for _, found in result.best_checkpoints]
    found = {
        "test_mae": mean_absolute_error(net, datasets["test"], scale),
        "validation_mae": metrics["validation_mae"],
        "rows_per_s": sum(e["num_rows"] for e in epochs) / sum(e["loop_s"] for e in epochs),
        "loop_s": sum(e["loop_s"] for e in epochs),
        "ready_s": ready_s,
        "fit_s": fitted_s - ready_s,
        "total_s": time.perf_counter() - START,
        "num_rows": {"train": epochs[0]["num_rows"], **({} if options.stream else counts(datasets))},
        "epochs": options.epochs,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
