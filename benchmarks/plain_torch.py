"""Predicts air time with PyTorch alone: one process, one thread, data in memory. The baseline for one machine.

    python benchmarks/plain_torch.py DIR [--as-of 2013-06-01] [--epochs 3] [--out FOLDER]

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

NUMERIC = ("distance", "seats", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
CATEGORICAL = ("carrier", "origin", "dest")
DATETIME = ("weekday", "hour")
TARGET, TIME = "air_time", "time_hour"
VALIDATION, TEST = timedelta(days=7), timedelta(days=14)
BATCH_SIZE, LR, HIDDEN, WIDEST_EMBEDDING = 512, 1e-3, 128, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """One window. numbers: float32 [rows, 9]; codes: int64 [rows, 5]; target: float32 [rows], standardised."""

    numbers: Tensor
    codes: Tensor
    target: Tensor


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


def read_windows(folder: Path, as_of: datetime) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Rows of train, validation and test; files and row groups after the as-of date are not read."""
    table = pq.read_table(
        folder,
        columns=[*NUMERIC, *CATEGORICAL, TARGET, TIME],
        filters=(pc.field(TIME) < as_of) & pc.field(TARGET).is_valid(),
    )
    time_column = table[TIME]
    test_from, validation_from = as_of - TEST, as_of - TEST - VALIDATION
    before_test = pc.less(time_column, test_from)
    before_validation = pc.less(time_column, validation_from)
    train = table.filter(before_validation)
    validation = table.filter(pc.and_not(before_test, before_validation))
    return train, validation, table.filter(pc.invert(before_test))


def number_matrix(table: pa.Table) -> np.ndarray:
    """float64 [rows, 9] with NaN for null; precipitation as log(1 + x)."""
    columns = [table[name].cast(pa.float64()).to_numpy() for name in NUMERIC]
    columns[NUMERIC.index("precip")] = np.log1p(columns[NUMERIC.index("precip")])
    return np.stack(columns, axis=1)


def category_columns(table: pa.Table) -> list[pa.ChunkedArray]:
    parts = [pc.day_of_week(table[TIME]), pc.hour(table[TIME])]
    return [*(table[name] for name in CATEGORICAL), *parts]


def encode(tables: tuple[pa.Table, ...]) -> tuple[list[Rows], list[int], float, float]:
    """Windows as tensors, fitted on the first; numbers of categories with unknown; the target's mean and deviation."""
    train = tables[0]
    numbers = number_matrix(train)
    fill, deviation = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
    vocabularies = [pc.unique(column).drop_null() for column in category_columns(train)]
    mean, scale = pc.mean(train[TARGET]).as_py(), pc.stddev(train[TARGET]).as_py()
    windows = []
    for table in tables:
        x = number_matrix(table)
        x = (np.where(np.isnan(x), fill, x) - fill) / deviation
        codes = [
            pc.fill_null(pc.index_in(column, value_set=known), len(known)).to_numpy()
            for column, known in zip(category_columns(table), vocabularies, strict=True)
        ]
        y = (table[TARGET].to_numpy() - mean) / scale
        windows.append(
            Rows(
                numbers=torch.from_numpy(x.astype(np.float32)),
                codes=torch.from_numpy(np.stack(codes, axis=1).astype(np.int64)),
                target=torch.from_numpy(y.astype(np.float32)),
            )
        )
    return windows, [len(known) + 1 for known in vocabularies], mean, scale


def train_epoch(
    net: Net,
    optimizer: torch.optim.Optimizer,
    rows: Rows,
    order: Tensor,
    *,
    batch_size: int = BATCH_SIZE,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.l1_loss,
) -> None:
    """One pass in the given order. Gathering once an epoch and slicing is faster than gathering each batch."""
    batches = zip(
        rows.numbers[order].split(batch_size),
        rows.codes[order].split(batch_size),
        rows.target[order].split(batch_size),
        strict=True,
    )
    for numbers, codes, target in batches:
        optimizer.zero_grad()
        loss(net(numbers, codes), target).backward()
        optimizer.step()


@torch.no_grad()
def mean_absolute_error(net: Net, rows: Rows, scale: float) -> float:
    """Test error in minutes."""
    total = 0.0
    for numbers, codes, target in zip(
        rows.numbers.split(4096), rows.codes.split(4096), rows.target.split(4096), strict=True
    ):
        total += (net(numbers, codes) - target).abs().sum().item()
    return total / len(rows.target) * scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds data/flights/*.parquet")
    parser.add_argument("--as-of", default="2013-06-01", help="UTC; windows end here")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="folder for weights.safetensors; default: FOLDER")
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    as_of = datetime.fromisoformat(options.as_of).replace(tzinfo=UTC)
    (train, validation, test), cardinalities, _, scale = encode(
        read_windows(options.folder / "data" / "flights", as_of)
    )
    net = Net(len(NUMERIC), cardinalities)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    num_rows, loop_s = len(train.target), 0.0
    best, best_weights = float("inf"), {}
    for epoch in range(options.epochs):
        began = time.perf_counter()
        train_epoch(net, optimizer, train, torch.randperm(num_rows))
        loop_s += time.perf_counter() - began
        found = mean_absolute_error(net, validation, scale)
        print(f"epoch {epoch + 1}: validation mae {found:.3f}", flush=True)
        if found < best:
            best, best_weights = found, {name: value.clone() for name, value in net.state_dict().items()}

    net.load_state_dict(best_weights)
    out = options.out or options.folder
    out.mkdir(parents=True, exist_ok=True)
    save_file(best_weights, out / "weights.safetensors")
    result = {
        "test_mae": mean_absolute_error(net, test, scale),
        "validation_mae": best,
        "rows_per_s": num_rows * options.epochs / loop_s,
        "loop_s": loop_s,
        "total_s": time.perf_counter() - START,
        "num_rows": {"train": num_rows, "validation": len(validation.target), "test": len(test.target)},
        "epochs": options.epochs,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
