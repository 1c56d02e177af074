"""What a run is expected to take: from rows, files, columns, classes and epochs; earlier runs correct it."""

import statistics
from dataclasses import dataclass, replace

from raytemplate.models.options import Family
from raytemplate.planning.inventory import Timing
from raytemplate.planning.size import Size
from raytemplate.planning.stages import Forecast, Limits, StageEstimate
from raytemplate.records.run import StageName

# Seconds on two cores, between a quiet machine and a busy one, docs/decisions/0004: the start (imports, Ray) and what a
# stage takes without rows; rows a second of reading and encoding, and of scoring.
_START_S = 4.8
_FIXED_S = {"ingest": 1.5, "fit": 0.2, "evaluate": 0.1, "govern": 0.4, "promote": 0.0}
_WORKER_GROUP_S = 15.0
_INGEST_ROWS_PER_S = 400_000.0
_STREAM_ROWS_PER_S = 120_000.0
_SCORE_ROWS_PER_S = 500_000.0
# Measured one by one, benchmarks/results/forecast_2cores_202611.md: looking a file up before the start, and opening and
# reading it besides its rows; profiling and encoding a column besides its values, and each value; growing a tree, which
# looks at the bins of every column in each of its leaves, whatever the rows; putting a value into its bin; asking a
# tree for a row.
_LOOK_S = 0.0007
_FILE_S = 0.001
_COLUMN_S = 0.0015
_VALUE_S = 0.05e-6
_LEAF_COLUMN_S = 3.7e-6
_BIN_S = 0.2e-6
_TREE_ROW_S = 25e-9
_COLUMNS_IN_RATES = 10
"""Columns that rows a second, of families and above, hold for."""
_PARALLEL_SHARE = 0.8
_RUNS_LOOKED_AT = 5


def forecast(
    *, family: Family, size: Size, num_epochs: int, workers: int, stream: bool, history: tuple[Timing, ...]
) -> Forecast:
    """Seconds of every stage and of the whole, with bounds; what they cost is for `priced`.

    Args:
        history: stages of earlier runs in this workspace; each corrects the same stage by actual / formula.
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


def row_s(family: Family, size: Size) -> float:
    """Seconds of one row in one epoch (round, step) on one CPU.

    What a tree costs whatever the rows is shared out among them: earlier runs are known by rows x epochs alone.
    """
    wider = max(0, size.width - _COLUMNS_IN_RATES)
    row = 1 / family.rows_per_s + wider * family.column_s
    tree = size.leaves * size.width * _LEAF_COLUMN_S / max(1, size.num_train_rows)
    return size.trees * (row + tree) if size.leaves else row


def bins_s(size: Size) -> float:
    """Seconds until the first tree can be grown: every value is put into its bin. None for other families."""
    return _BIN_S * size.num_train_rows * size.width if size.leaves else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What is to be done, and by what."""

    family: Family
    size: Size
    num_epochs: int
    workers: int
    stream: bool

    def seconds(self, stage: StageName, work: float) -> float:
        """Of a stage, by its formula.

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
            return fixed + work * (1 / _SCORE_ROWS_PER_S + self._wider(self.size.width) * _VALUE_S + trees_s)
        return fixed

    def ratios(self, stage: StageName, history: tuple[Timing, ...]) -> tuple[float, ...]:
        """Actual by formula, of earlier runs."""
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
            # The stream is read once; rounds and steps are in memory.
            fixed += row_epochs / self.num_epochs / _STREAM_ROWS_PER_S
        return fixed + row_epochs * each / (1 + _PARALLEL_SHARE * max(0, self.workers - 1))

    def _wider(self, columns: int) -> int:
        return max(0, columns - _COLUMNS_IN_RATES)


def _middle(ratios: tuple[float, ...]) -> float:
    return statistics.median(ratios) if ratios else 1.0
