"""A small whole template, for tests to change."""

from __future__ import annotations

from pathlib import Path

WHOLE = """\
name: air-time
owner: ops
data:
  source: d/*.parquet
  time: time_hour
  target: air_time
  drop: air_time is null
features:
  numeric: [distance, seats]
  categorical: [carrier]
  datetime: {time_hour: [hour]}
  columns: {distance: {transform: log}}
  forbidden: ["dep_*"]
model: {kind: tabular-mlp, hidden: 64}
training: {epochs: 6, loss: mae}
budget: {time: 10m, cost: 0.005 USD}
resources: {per_worker: {memory: 512 MiB}}
evaluation:
  also: [rmse]
  baseline: {median_by: [carrier]}
governance:
  gates:
    metric-limit: {mae: 12}
    beats-baseline: {min_gain: 0}
variants:
  smoke: {data.ingest: memory, training: {epochs: 1}}
"""


def write(folder: Path, text: str = WHOLE, name: str = "t.yaml") -> Path:
    """The path of a new file in `folder` with `text`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
