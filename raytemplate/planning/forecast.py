"""What a run is expected to take: from rows and epochs at first, corrected by what earlier runs took."""

from __future__ import annotations

import statistics
from dataclasses import replace

from raytemplate.models.options import Family
from raytemplate.planning.inventory import Timing
from raytemplate.planning.stages import Forecast, Limits, StageEstimate

# Seconds on two cores, between a quiet machine and a busy one, docs/decisions/0004: the start (imports, Ray) and what a
# stage takes without rows; rows a second of reading and encoding, and of scoring.
_START_S = 4.8
_FIXED_S = {"ingest": 1.5, "fit": 0.2, "evaluate": 0.1, "govern": 0.4, "promote": 0.0}
_WORKER_GROUP_S = 15.0
_INGEST_ROWS_PER_S = 400_000.0
_STREAM_ROWS_PER_S = 120_000.0
_SCORE_ROWS_PER_S = 500_000.0
_PARALLEL_SHARE = 0.8
_RUNS_LOOKED_AT = 5


def forecast(
    *, family: Family, num_rows: int, num_train_rows: int, num_test_rows: int, num_epochs: int, workers: int,
    stream: bool, history: tuple[Timing, ...],
) -> Forecast:  # fmt: skip
    """Seconds of every stage and of the whole, with bounds; what they cost is for `priced`.

    Args:
        history: stages of earlier runs in this workspace; each corrects the same stage by actual / formula.
    """
    work = {
        "ingest": float(num_rows), "fit": float(num_train_rows) * num_epochs, "evaluate": float(num_test_rows),
        "govern": 0.0, "promote": 0.0,
    }  # fmt: skip
    formula = {stage: _formula(stage, amount, family, workers, stream, num_epochs) for stage, amount in work.items()}
    past = {stage: _ratios(stage, family, workers, stream, num_epochs, history) for stage in ("start", *work)}
    stages = tuple(
        StageEstimate(stage=stage, seconds=formula[stage] * _middle(past[stage]), work=work[stage]) for stage in work
    )
    start_s = _START_S * _middle(past["start"])
    total = start_s + sum(s.seconds for s in stages)
    runs_seen = len(past["fit"])
    spread = (0.75, 1.4) if runs_seen >= 2 else (0.6, 1.8)
    return Forecast(
        stages=stages, start_s=start_s, low_s=total * spread[0], high_s=total * spread[1],
        cost_usd=0.0, runs_seen=runs_seen,
    )  # fmt: skip


def priced(forecast: Forecast, limits: Limits) -> Forecast:
    """The forecast with the US dollars of its seconds, at the rates of each stage."""
    usd = forecast.start_s * limits.usd_per_s + sum(s.seconds * limits.rate(s.stage) for s in forecast.stages)
    return replace(forecast, cost_usd=usd)


def _formula(stage: str, work: float, family: Family, workers: int, stream: bool, num_epochs: int) -> float:
    fixed = _FIXED_S.get(stage, _START_S)
    if stage == "ingest":
        return fixed + work / _INGEST_ROWS_PER_S
    if stage == "fit":
        rate, fixed = family.rows_per_s, fixed + (_WORKER_GROUP_S if workers else 0.0)
        if stream and family.step == "epoch":
            rate = min(rate, _STREAM_ROWS_PER_S)
        elif stream:
            fixed += work / num_epochs / _STREAM_ROWS_PER_S  # the stream is read once; rounds and steps are in memory
        return fixed + work / (rate * (1 + _PARALLEL_SHARE * max(0, workers - 1)))
    if stage == "evaluate":
        return fixed + work / _SCORE_ROWS_PER_S
    return fixed


def _ratios(
    stage: str, family: Family, workers: int, stream: bool, num_epochs: int, history: tuple[Timing, ...]
) -> tuple[float, ...]:  # fmt: skip
    relevant = [t for t in history if t.stage == stage and (stage != "fit" or t.family == family.name)]
    return tuple(
        t.seconds / _formula(stage, t.work, family, workers, stream, num_epochs)
        for t in relevant[-_RUNS_LOOKED_AT:]
        if t.seconds > 0
    )


def _middle(ratios: tuple[float, ...]) -> float:
    return statistics.median(ratios) if ratios else 1.0
