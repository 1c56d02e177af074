"""Sample records, one of each kind, that fit together: flights as of 2013-07-01; `sample_plans` has a plan.

Each function takes the fields to change, such as `sample_fit(stopped="budget.time")`.
"""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import (
    ChampionRef,
    ColumnEvidence,
    Difference,
    Estimate,
    Evaluation,
    MetricValue,
    Scored,
    Slice,
)
from raytemplate.records.fitted import Candidate, EpochRecord, FitResult, RankRecord, Usage
from raytemplate.records.ingested import FileRead, Snapshot, WindowRead
from raytemplate.records.judged import Approved, Finding, Held, Rejected, VerdictRecord, Waiver
from raytemplate.records.profiled import ColumnSummary, DataProfile, Frequent, Period, WindowProfile
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import Attempt, RunEnd, RunStart, StageName, StageTiming
from raytemplate.records.swept import SweepResult, TrialRecord, TrialState
from raytemplate.testing.sample_plans import SAMPLE_COLUMNS, day, sample_forecast

SAMPLE_TIME = datetime(2013, 7, 1, 9, 30, tzinfo=UTC)
_DIGEST = "9d5ab16c0f7e42c39a0f7a1d" + "0" * 40
_CHAMPION = "41c07e6b9d3a55f0c2a6e8b1" + "0" * 40


def sample_snapshot(**changes: Any) -> Snapshot:
    """What the run as of 2013-07-01 read: 166,054 rows, 5,464 of them without a label."""
    files = tuple(
        FileRead(
            path=f"flights-2013-{month:02}.parquet",
            size_bytes=575_000,
            row_groups=(0, 1),
            bytes_read=560_000,
            sha256=f"{month:02}" * 32,
        )
        for month in range(1, 7)
    )
    windows = (
        WindowRead(name="train", start=day(1, 1), end=day(6, 10), num_rows=141_497, num_dropped=4_781),
        WindowRead(name="validation", start=day(6, 10), end=day(6, 17), num_rows=6_398, num_dropped=290),
        WindowRead(name="test", start=day(6, 17), end=day(7, 1), num_rows=12_695, num_dropped=393),
    )
    return replace(
        Snapshot(
            digest="5be1" * 16,
            files=files,
            columns=SAMPLE_COLUMNS,
            windows=windows,
            bytes_read=3_360_000,
            engine="ray.data",
        ),
        **changes,
    )


def sample_profile(**changes: Any) -> DataProfile:
    """The raw profile of what that run read: a number, a category and a text."""
    ranks = tuple(20 + 0.06 * n * n for n in range(101))
    columns = {
        "distance": ColumnSummary(
            type="number", num_rows=1_000, num_null=100, num_distinct=197, is_counted=True,
            min=20.0, max=620.0, mean=220.0, deviation=180.0, percentiles=ranks,
        ),
        "carrier": ColumnSummary(
            type="text", num_rows=1_000, num_null=0, num_distinct=3, is_counted=True, shortest=2, longest=2,
            mean_length=2.0, most_frequent=tuple(Frequent(value=v, num_rows=n) for v, n in (("UA", 600), ("<b>", 390))),
        ),
        "note": ColumnSummary(
            type="text", num_rows=1_000, num_null=1, num_distinct=999, is_counted=True, shortest=3, longest=80,
            mean_length=41.0,
        ),
    }  # fmt: skip
    windows = tuple(
        WindowProfile(
            name=w.name, start=w.start, end=w.end, num_rows=w.num_rows, num_dropped=w.num_dropped, columns=columns,
            periods={str(w.start.date()): Period(num_rows=9, num_known=9, total=9.0 * n),
                     str(w.start.date() + timedelta(days=1)): Period(num_rows=9, num_known=9, total=9.5 * n)},
        )
        for n, w in enumerate(sample_snapshot().windows, start=140)
    )  # fmt: skip
    return replace(DataProfile(windows=windows, target="air_time", task="regression"), **changes)


def sample_candidate(**changes: Any) -> Candidate:
    """The model after the sixth epoch."""
    return replace(
        Candidate(
            digest=_DIGEST,
            family="tabular-mlp",
            weights_sha256="77aa" * 16,
            epoch=6,
            metric="mae",
            validation=7.31,
            settings=Settings({"kind": "tabular-mlp", "hidden": 128, "layers": 2}),
            plan_id="81be07",
            snapshot="5be1" * 16,
            num_bytes=121_000,
        ),
        **changes,
    )


def sample_epochs(num_epochs: int = 6) -> tuple[EpochRecord, ...]:
    """Epochs whose validation metric falls to 7.31."""
    return tuple(
        EpochRecord(
            epoch=epoch,
            train_loss=7.0 + 6.0 / epoch,
            validation=7.31 + 0.25 * (num_epochs - epoch),
            num_rows=141_497,
            loop_s=0.4,
            wall_clock_s=0.5 * epoch,
            checkpoint=f"epoch-{epoch:04}",
        )
        for epoch in range(1, num_epochs + 1)
    )


def sample_fit(**changes: Any) -> FitResult:
    """Six epochs, one rank."""
    return replace(
        FitResult(
            candidate=sample_candidate(),
            epochs=sample_epochs(),
            ranks=(RankRecord(rank=0, num_rows=141_497, weights_sha256="77aa" * 16),),
            stopped="epochs",
            resumed_from_epoch=0,
            rows_per_s=812_345.0,
            usage=Usage(wall_clock_s=3.1, cpu_s=3.1),
            engine="ray.train, local mode",
        ),
        **changes,
    )


def sample_trials() -> tuple[TrialRecord, ...]:
    """Twelve trials of `sample_sweep_stage`: the fifth is the best, the third diverged and the last failed."""
    rows: tuple[tuple[float, int, float | None, TrialState], ...] = (
        (0.0003, 64, 9.1, "finished"), (0.02, 128, 8.4, "finished"), (0.09, 128, None, "diverged"),
        (0.004, 64, 8.0, "finished"), (0.0011, 128, 7.31, "finished"), (0.0001, 64, 31.0, "pruned"),
        (0.0009, 128, 7.5, "finished"), (0.0013, 64, 7.9, "finished"), (0.03, 64, 8.9, "pruned"),
        (0.0012, 128, 7.4, "cut"), (0.0004, 128, 8.2, "pruned"), (0.001, 128, None, "failed"),
    )  # fmt: skip
    return tuple(
        TrialRecord(
            number=number,
            values=Settings(
                {"training.lr": lr, "model.hidden": hidden}
                | ({"model.dropout": 0.04 * number} if hidden == 128 else {})
            ),
            family="tabular-mlp",
            state=state,
            epochs=6 if state == "finished" else 2,
            num_epochs=6,
            best_epoch=0 if value is None else 2,
            validation=value,
            planned_s=3.0,
            actual_s=2.0 + number / 10,
            problem={"diverged": "the loss became NaN in epoch 2", "failed": "KeyError: 'dest'"}.get(state, ""),
        )
        for number, (lr, hidden, value, state) in enumerate(rows, start=1)
    )


def sample_sweep(**changes: Any) -> SweepResult:
    """The sweep of `sample_trials`, which ended because it reached its number of trials."""
    trials = sample_trials()
    return replace(
        SweepResult(
            best=trials[4],
            trials=trials,
            metric="mae",
            ended="trials",
            sampler="TPESampler",
            slots=2,
            usage=Usage(wall_clock_s=17.0, cpu_s=31.0),
        ),
        **changes,
    )


def sample_metric(value: float, low: float, high: float, *, name: str = "mae") -> MetricValue:
    """A metric with its interval."""
    estimate = Estimate(value=value, low=low, high=high)
    return MetricValue(id=name, version=1, higher_is_better=name == "r2", estimate=estimate)


def sample_scored(name: str, value: float, difference: tuple[float, float, float] | None = None) -> Scored:
    """A model or baseline with its MAE and, except for the candidate, the difference candidate minus it."""
    metrics = {"mae": sample_metric(value, value - 0.5, value + 0.5)}
    if difference is None:
        return Scored(name=name, metrics=metrics)
    middle, low, high = difference
    estimate = Estimate(value=middle, low=low, high=high)
    gain = Estimate(value=-middle, low=-high, high=-low)
    return Scored(
        name=name, metrics=metrics, difference=Difference(metric="mae", version=1, estimate=estimate, gain=gain)
    )


def sample_evaluation(**changes: Any) -> Evaluation:
    """The run as of 2013-07-01, compared with the champion from June and the route median."""
    candidate = sample_scored("candidate", 6.94)
    others = {"rmse": sample_metric(11.2, 10.1, 12.4, name="rmse"), "r2": sample_metric(0.985, 0.98, 0.989, name="r2")}
    return replace(
        Evaluation(
            metric="mae",
            test_snapshot="5be1" * 16,
            test_start=day(6, 17),
            test_end=day(7, 1),
            candidate_seen_until=day(6, 17),
            num_rows=12_695,
            num_train_rows=141_497,
            resample="day",
            num_groups=14,
            num_resamples=2000,
            term=1,
            candidate_digest=_DIGEST,
            candidate=replace(candidate, metrics={**candidate.metrics, **others}),
            baseline=sample_scored("baseline", 9.08, (-2.14, -3.32, -0.91)),
            champion_ref=ChampionRef(version=1, digest=_CHAMPION, term=1, run_id="a1b2", seen_until=day(5, 18)),
            champion=sample_scored("champion", 8.54, (-1.6, -2.61, -0.83)),
        ),
        **changes,
    )


def sample_slices() -> tuple[Slice, ...]:
    """Slices by carrier and by a number: one bad, one too small to count and without a finite interval."""
    rows = (
        ("carrier", "UA", 2_310, (10.22, 9.31, 11.13), 11.4), ("carrier", "DL", 1_804, (6.1, 5.6, 6.6), 7.9),
        ("carrier", "OO", 3, (30.5, -math.inf, math.inf), 31.0), ("distance", "below 502", 2_539, (4.4, 4.1, 4.8), 4.9),
        ("distance", "2,475 or more", 2_540, (9.9, 9.0, 10.9), 10.2),
    )  # fmt: skip
    return tuple(
        Slice(
            by=by,
            value=value,
            num_rows=num_rows,
            candidate={"mae": sample_metric(*found)},
            champion={"mae": sample_metric(before, before - 0.5, before + 0.5)},
        )
        for by, value, num_rows, found, before in rows
    )


def sample_columns() -> tuple[ColumnEvidence, ...]:
    """Three input columns: one that tells much, one that the model does not need, one that was not measured."""
    return (
        ColumnEvidence(column="distance", explained=0.86, importance=Estimate(value=61.2, low=55.9, high=66.0)),
        ColumnEvidence(column="temp", explained=-0.01, importance=Estimate(value=0.03, low=-0.02, high=0.08)),
        ColumnEvidence(column="carrier", explained=0.04),
    )


def sample_first_evaluation() -> Evaluation:
    """The same without a champion."""
    return sample_evaluation(term=0, champion_ref=None, champion=None)


def sample_findings() -> tuple[Finding, ...]:
    """Four gates that pass."""
    rows = (
        ("metric-limit", "mae 6.94", "at worst 12"),
        ("beats-baseline", "better by 0.91 to 3.32", "at least 0"),
        ("beats-champion", "better by 0.83 to 2.61", "better, by at least 0.0854"),
        ("data-rows", "141,497", "at least 50,000"),
    )
    return tuple(Finding(gate=gate, outcome="pass", found=found, required=required) for gate, found, required in rows)


def sample_blocked() -> Finding:
    """A gate that blocks: the candidate is not shown to beat the baseline."""
    return Finding(
        gate="beats-baseline",
        outcome="block",
        found="better by -1.48 to 0.56",
        required="at least 0",
        hint="train on more rows or look at the features; the baseline stays as it is",
    )


def sample_verdict(**changes: Any) -> Approved:
    """Approved by the gates alone."""
    return replace(Approved(findings=sample_findings()), **changes)


def sample_held(**changes: Any) -> Held:
    """Held until a person decides."""
    return replace(Held(findings=sample_findings(), missing="promotion is manual"), **changes)


def sample_rejected(**changes: Any) -> Rejected:
    """Rejected by `beats-baseline`."""
    first, _, *rest = sample_findings()
    return replace(Rejected(findings=(first, sample_blocked(), *rest), reason="beats-baseline blocks"), **changes)


def sample_waiver(**changes: Any) -> Waiver:
    """An exception for `beats-baseline`, for one week."""
    return replace(
        Waiver(gate="beats-baseline", person="ada", reason="new routes in June", expires=day(7, 8)), **changes
    )


def sample_verdict_record(**changes: Any) -> VerdictRecord:
    """The approval, with its time."""
    return replace(VerdictRecord(verdict=sample_verdict(), at=SAMPLE_TIME, candidate_digest=_DIGEST), **changes)


def sample_promotion(**changes: Any) -> PromotionRecord:
    """Version 2 replaces version 1."""
    return replace(
        PromotionRecord(
            outcome="promoted",
            model="flights-air-time",
            version=2,
            digest=_DIGEST,
            term=2,
            previous_version=1,
            at=SAMPLE_TIME,
            projected=True,
        ),
        **changes,
    )


def sample_start(**changes: Any) -> RunStart:
    """The run k7q2, started at half past nine."""
    return replace(
        RunStart(
            run_id="k7q2",
            name="flights-air-time",
            version="1.0.0",
            plan_id="81be07",
            template="flights-air-time.yaml",
            as_of=day(7, 1),
            started=SAMPLE_TIME,
            planned_s=9.0,
            host="laptop",
            user="ada",
        ),
        **changes,
    )


def sample_end(**changes: Any) -> RunEnd:
    """Approved after eight seconds."""
    actual: dict[StageName, float] = {"ingest": 0.9, "fit": 3.1, "evaluate": 0.6, "govern": 0.1, "promote": 0.4}
    forecast = sample_forecast()
    timings = tuple(
        StageTiming(stage=name, planned_s=forecast.stage_s(name), actual_s=seconds, work=166_054.0)
        for name, seconds in actual.items()
    )
    return replace(
        RunEnd(
            state="approved",
            exit_code=0,
            family="tabular-mlp",
            ended=SAMPLE_TIME.replace(second=8),
            wall_clock_s=8.1,
            cost_usd=0.0,
            timings=timings,
            timeline_s={"ray.init": 2.4},
        ),
        **changes,
    )


def sample_attempt(**changes: Any) -> Attempt:
    """One process that worked on the run for eight seconds."""
    return replace(Attempt(started=SAMPLE_TIME, seen_s=8.1), **changes)
