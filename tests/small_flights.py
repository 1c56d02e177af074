"""A small job on real flights: the shipped template with three weeks of training and gates that it passes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parents[1] / "configs" / "flights-air-time.yaml"
MODEL = "flights-air-time"
AS_OF = "2013-02-15"
LATENCY_ROWS = 20  # few, because they are scored a hundred times

SMALL: Mapping[str, Any] = {
    "data.windows.train": "20d",
    "data.windows.validation": "3d",
    "training.epochs": 2,
    "governance.gates.metric-limit.mae": 1000,
    "governance.gates.beats-baseline.min_gain": -1000,
    "governance.gates.beats-champion.min_gain": -1000,
    "governance.gates.data-rows.train": 1000,
    "governance.gates.slice-limit.mae": 1000,
    "governance.gates.latency.p95": "60s",
    "governance.gates.latency.rows": LATENCY_ROWS,
}


def changed(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`SMALL` with changes; settings that another family does not use are left out."""
    merged = {**SMALL, **(changes or {})}
    if merged.get("model.kind", "tabular-mlp") != "tabular-mlp":
        del merged["training.epochs"]
    return merged


def as_sets(changes: Mapping[str, Any] | None = None) -> list[str]:
    """`SMALL` with changes as `--set` arguments."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in changed(changes).items()}
    return [part for key, text in texts.items() for part in ("--set", f"{key}={text}")]


def write_demo(folder: Path, flights: Path, months: tuple[int, ...] = (1, 2)) -> Path:
    """A new folder as `init` creates it, but with copies of these months of flights only."""
    data = folder / "data" / "flights"
    data.mkdir(parents=True)
    for month in months:
        shutil.copyfile(flights / f"2013-{month:02d}.parquet", data / f"2013-{month:02d}.parquet")
    shutil.copyfile(SHIPPED, folder / SHIPPED.name)
    return folder
