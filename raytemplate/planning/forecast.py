"""Forecast of a run's time from rows, files, columns, classes and epochs, corrected by earlier runs."""

import statistics
from dataclasses import dataclass, replace

from raytemplate.models.options import Family
from raytemplate.planning.inventory import Timing
from raytemplate.planning.size import Size
from raytemplate.planning.stages import Forecast, Limits, StageEstimate
from raytemplate.records.run import StageName

# Measured on two cores, between a quiet machine and a busy one (docs/decisions/0004): seconds for the start (imports,
# Ray) and for each stage without rows; rows a second for reading and encoding, and for scoring.
_START_S = 4.8
_FIXED_S = {"ingest": 1.5, "fit": 0.2, "evaluate": 0.1, "govern": 0.4, "promote": 0.0}
_WORKER_GROUP_S = 15.0
_INGEST_ROWS_PER_S = 400_000.0
_STREAM_ROWS_PER_S = 120_000.0
_SCORE_ROWS_PER_S = 500_000.0
# Each measured by itself, benchmarks/results/forecast_2cores_202611.md.
_LOOK_S = 0.0007
"""Seconds to look one file up before the run starts."""
_FILE_S = 0.001
"""Seconds to open and read one file, without its rows."""
_COLUMN_S = 0.003
"""Seconds to profile and encode one column in all windows, without its values."""
_VALUE_S = 0.05e-6
"""Seconds to profile and encode one value."""
_LEAF_COLUMN_S = 3.7e-6
"""Seconds a leaf takes for each column while a tree grows: it scans the column's bins, however many rows it has."""
_BIN_S = 0.2e-6
"""Seconds to put one value into its bin."""
_TREE_ROW_S = 25e-9
"""Seconds for one tree to predict one row."""
_EXAMINED_COLUMN_S, _MOST_EXAMINING_S = 0.005, 10.0
"""Seconds to examine how one column relates to the target, and the most that an evaluation spends on all of them."""
_COLUMNS_IN_RATES = 10
"""Number of columns for which the rates in rows a second, here and in the families, were measured."""
_PARALLEL_SHARE = 0.8
"""Throughput that each further worker adds, as a share of the first worker's."""
_RUNS_LOOKED_AT = 5
_REUSED_S, _REUSED_BYTES_PER_S = 0.3, 300e6
"""Seconds to take over rows that are encoded already, and the bytes a second at which they are read and checked."""


def forecast(
    *, family: Family, size: Size, num_epochs: int, workers: int, stream: bool, history: tuple[Timing, ...]
) -> Forecast:
    """Seconds of every stage and of the whole run, with bounds; `priced` adds their cost.

    Args:
        history: timings of earlier runs in this workspace; each corrects its stage by actual / formula.
    """
    work: dict[StageName, float] = {
        "ingest": float(size.num_rows), "fit": float(size.num_train_rows) * num_epochs,
        "evaluate": float(size.num_test_rows), "govern": 0.0, "promote": 0.0,
    }  # fmt: skip
    job = _Job(family=family, size=size, num_epochs=num_epochs, workers=workers, stream=stream)
    past = {stage: job.ratios(stage, history) for stage in (*work, "start")}
    stages = tuple(
        StageEstimate(stage=stage, seconds=job.seconds(stage, work[stage]) * _middle(past[stage]), work=work[stage])
        for stage in work
    )
    start_s = job.seconds("start", 0.0) * _middle(past["start"])
    total = start_s + sum(s.seconds for s in stages)
    runs_seen = len(past["fit"])
    spread = (0.75, 1.4) if runs_seen >= 2 else (0.6, 1.8)
    return Forecast(
        stages=stages,
        start_s=start_s,
        low_s=total * spread[0],
        high_s=total * spread[1],
        cost_usd=0.0,
        runs_seen=runs_seen,
    )


def priced(forecast: Forecast, limits: Limits) -> Forecast:
    """The forecast with the US dollars of its seconds, at the rates of each stage."""
    usd = forecast.start_s * limits.usd_per_s + sum(s.seconds * limits.rate(s.stage) for s in forecast.stages)
    return replace(forecast, cost_usd=usd)


def faster_ingest(forecast: Forecast, num_bytes: int, limits: Limits) -> Forecast:
    """The forecast of a run that takes over encoded rows instead of reading and encoding them.

    Args:
        num_bytes: size of what it takes over.
    """
    before = forecast.stage_s("ingest")
    now = min(before, _REUSED_S + num_bytes / _REUSED_BYTES_PER_S)
    stages = tuple(replace(one, seconds=now) if one.stage == "ingest" else one for one in forecast.stages)
    share = (forecast.seconds - before + now) / forecast.seconds
    faster = replace(forecast, stages=stages, low_s=forecast.low_s * share, high_s=forecast.high_s * share)
    return priced(faster, limits)


def row_s(family: Family, size: Size) -> float:
    """Seconds of one row in one epoch (round, step) on one CPU.

    The cost of a tree that does not depend on rows is divided among them, because the timings of earlier runs only know
    rows x epochs.
    """
    wider = max(0, size.width - _COLUMNS_IN_RATES)
    row = 1 / family.rows_per_s + wider * family.column_s
    tree = size.leaves * size.width * _LEAF_COLUMN_S / max(1, size.num_train_rows)
    return size.trees * (row + tree) if size.leaves else row


def bins_s(size: Size) -> float:
    """Seconds to put every value into its bin, before the first tree can grow; 0 for families without trees."""
    return _BIN_S * size.num_train_rows * size.width if size.leaves else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """The work of one run, and what does it."""

    family: Family
    size: Size
    num_epochs: int
    workers: int
    stream: bool

    def seconds(self, stage: StageName, work: float) -> float:
        """Seconds of a stage by its formula.

        Args:
            work: rows; for fit rows x epochs.
        """
        if stage == "start":
            return _START_S + (self.size.num_files - 1) * _LOOK_S
        fixed = _FIXED_S[stage]
        if stage == "ingest":
            return fixed + self._ingest_s(work)
        if stage == "fit":
            return fixed + self._fit_s(work)
        if stage == "evaluate":
            trees_s = self.num_epochs * self.size.trees * _TREE_ROW_S if self.size.leaves else 0.0
            examining_s = min(self._wider(self.size.num_columns) * _EXAMINED_COLUMN_S, _MOST_EXAMINING_S)
            row_s = 1 / _SCORE_ROWS_PER_S + self._wider(self.size.width) * _VALUE_S + trees_s
            return fixed + examining_s + work * row_s
        return fixed

    def ratios(self, stage: StageName, history: tuple[Timing, ...]) -> tuple[float, ...]:
        """Actual seconds over those of the formula, one for each earlier run."""
        relevant = [t for t in history if t.stage == stage and (stage != "fit" or t.family == self.family.name)]
        return tuple(t.seconds / self.seconds(stage, t.work) for t in relevant[-_RUNS_LOOKED_AT:] if t.seconds > 0)

    def _ingest_s(self, num_rows: float) -> float:
        size, columns = self.size, self._wider(max(self.size.num_columns, self.size.width))
        return (
            num_rows * (1 / _INGEST_ROWS_PER_S + columns * _VALUE_S)
            + (size.num_files - 1) * _FILE_S
            + columns * _COLUMN_S
        )

    def _fit_s(self, row_epochs: float) -> float:
        each, fixed = row_s(self.family, self.size), bins_s(self.size)
        fixed += _WORKER_GROUP_S if self.workers else 0.0
        if self.stream and self.family.step == "epoch":
            each = max(each, 1 / _STREAM_ROWS_PER_S)
        elif self.stream:
            # The stream is read once; rounds and steps then work in memory.
            fixed += row_epochs / self.num_epochs / _STREAM_ROWS_PER_S
        return fixed + row_epochs * each / (1 + _PARALLEL_SHARE * max(0, self.workers - 1))

    def _wider(self, columns: int) -> int:
        return max(0, columns - _COLUMNS_IN_RATES)


def _middle(ratios: tuple[float, ...]) -> float:
    return statistics.median(ratios) if ratios else 1.0
