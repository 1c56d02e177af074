"""Sample stages and the plan as of 2013-06-01 made from them; `samples` has the records of a run.

Each function takes the fields to change, such as `sample_fit_stage(workers=2)`.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from raytemplate.planning.stages import (
    EvaluateStage,
    FeatureStep,
    FileSlice,
    FitStage,
    Forecast,
    GateConfig,
    GovernStage,
    IngestStage,
    Limits,
    PromoteStage,
    RunPlan,
    StageEstimate,
    SweepStage,
    Window,
)
from raytemplate.records.codec import Settings
from raytemplate.records.run import StageName
from raytemplate.tuning.space import Knob

SAMPLE_COLUMNS = ("time_hour", "carrier", "origin", "dest", "distance", "air_time")


def day(month: int, day_of_month: int) -> datetime:
    """Midnight UTC of a day in 2013, the year of the flights."""
    return datetime(2013, month, day_of_month, tzinfo=UTC)


def sample_windows(*, exact: bool = True) -> tuple[Window, Window, Window]:
    """Train, validation and test of the plan as of 2013-06-01."""
    return (
        Window(name="train", start=day(1, 1), end=day(5, 11), length="all", num_rows=117_905, exact=exact),
        Window(name="validation", start=day(5, 11), end=day(5, 18), length="7d", num_rows=6_615, exact=exact),
        Window(name="test", start=day(5, 18), end=day(6, 1), length="14d", num_rows=13_303, exact=exact),
    )


def sample_ingest_stage(**changes: Any) -> IngestStage:
    """Five of twelve files, held in memory."""
    files = tuple(
        FileSlice(
            path=f"flights-2013-{month:02}.parquet",
            size_bytes=575_000,
            sha256=f"{month:02}" * 32,
            slices=(0, 1),
            num_rows=27_600,
            bytes_to_read=560_000,
        )
        for month in range(1, 6)
    )
    return replace(
        IngestStage(
            source="data/flights/*.parquet",
            root="/demo/data/flights",
            num_files_listed=12,
            files=files,
            columns=SAMPLE_COLUMNS,
            time="time_hour",
            target="air_time",
            keys=("time_hour", "carrier"),
            drop="air_time is null",
            windows=sample_windows(),
            features=(
                FeatureStep(kind="numeric", column="distance", settings=Settings({"impute": "mean"})),
                FeatureStep(kind="categorical", column="carrier", settings=Settings({"min_count": 10})),
                FeatureStep(kind="datetime", column="time_hour", settings=Settings({"parts": ["weekday", "hour"]})),
            ),
            baseline=Settings({"median_by": ["origin", "dest"]}),
            newest=None,
            mode="memory",
            memory_bytes=31_000_000,
            seed=7,
        ),
        **changes,
    )


def sample_fit_stage(**changes: Any) -> FitStage:
    """Six epochs of `tabular-mlp` in the run's own process."""
    return replace(
        FitStage(
            family="tabular-mlp",
            loop="raytemplate.models.tabular_mlp.loop:train",
            trainer="torch",
            model=Settings({"kind": "tabular-mlp", "hidden": 128, "layers": 2}),
            training=Settings({"loss": "mae", "epochs": 6, "lr": 0.001, "batch_size": 512, "seed": 7}),
            num_epochs=6,
            metric="mae",
            higher_is_better=False,
            workers=0,
            cpus_per_worker=1.0,
            gpus_per_worker=0.0,
            memory_per_worker=2_000_000_000,
            why="more workers would not be quicker",
        ),
        **changes,
    )


def sample_sweep_stage(**changes: Any) -> SweepStage:
    """At most twelve trials, two at once, of a learning rate, a width and a dropout that only wide models draw."""
    return replace(
        SweepStage(
            search="tpe",
            scheduler="asha",
            space=(
                Knob(name="training.lr", draw="loguniform(1e-4, 1e-1)"),
                Knob(name="model.hidden", draw="choice(64, 128)"),
                Knob(name="model.dropout", draw="uniform(0, 0.5)", when=Settings({"model.hidden": 128})),
            ),
            arms=(sample_fit_stage(),),
            rows_per_s=(800_000.0,),
            num_trials=12,
            per_trial_s=0.0,
            slots=2,
            refit=True,
            max_failed=0.5,
            seed=7,
            expected_trials=12,
        ),
        **changes,
    )


def sample_evaluate_stage(**changes: Any) -> EvaluateStage:
    """MAE decides, against the route median, resampled by day."""
    baseline = Settings({"median_by": ["origin", "dest"]})
    return replace(
        EvaluateStage(metric="mae", also=("rmse", "r2"), baseline=baseline, resample="day", num_resamples=2000, seed=7),
        **changes,
    )


def sample_govern_stage(**changes: Any) -> GovernStage:
    """Four gates, one of which will be skipped."""
    gates = {
        "metric-limit": {"mae": 12},
        "beats-baseline": {"min_gain": 0},
        "beats-champion": {"min_gain": 0},
        "data-rows": {"train": 50000},
    }
    return replace(
        GovernStage(
            gates=tuple(GateConfig(name=name, settings=Settings(settings)) for name, settings in gates.items()),
            promotion="automatic",
            skips=("beats-champion will be skipped: no champion yet",),
        ),
        **changes,
    )


def sample_plan(**changes: Any) -> RunPlan:
    """A whole plan, as of 2013-06-01. Whole stages can be changed: `sample_plan(fit=sample_fit_stage(workers=2))`."""
    return replace(
        RunPlan(
            id="3f9c2a",
            name="flights-air-time",
            version="1.0.0",
            template="/demo/flights-air-time.yaml",
            as_of=day(6, 1),
            ingest=sample_ingest_stage(),
            fit=sample_fit_stage(),
            evaluate=sample_evaluate_stage(),
            govern=sample_govern_stage(),
            promote=PromoteStage(
                model="flights-air-time", promotion="automatic", tracking_uri="", experiment="flights-air-time"
            ),
            limits=Limits(time_s=600.0, cost_usd=1.0, reserve_s=3.0, usd_per_s=0.0),
            forecast=sample_forecast(),
            machine="this machine, 2 CPUs, 24 GB, no GPU",
        ),
        **changes,
    )


def sample_forecast(**changes: Any) -> Forecast:
    """Nine seconds in all, two of them for the start."""
    seconds: dict[StageName, float] = {"ingest": 1.5, "fit": 4.0, "evaluate": 1.0, "govern": 0.1, "promote": 0.4}
    stages = tuple(StageEstimate(stage=name, seconds=s, work=137_823.0) for name, s in seconds.items())
    return replace(Forecast(stages=stages, start_s=2.0, low_s=6.0, high_s=14.0, cost_usd=0.0, runs_seen=3), **changes)
