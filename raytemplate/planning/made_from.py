"""What a model is made from, apart from chance: two plans that differ only in their seeds give the same digest."""

import hashlib
from typing import Any

from raytemplate.data.promises import leaving_out
from raytemplate.data.sources.naming import SQL
from raytemplate.planning.stages import FitStage, IngestStage, RunPlan, SweepStage
from raytemplate.records.codec import canonical, encode

_OF_READING = (
    "root", "num_files_listed", "columns", "types", "baseline", "newest", "mode", "memory_bytes", "contract",
    "location", "version", "name", "promises", "row_numbers", "source_columns", "keep",
    "only_keys",
)  # fmt: skip
"""Fields of an ingest stage that tell how and where it reads, or what is read besides: none changes the model."""

_OF_MACHINE = (
    "why", "cpus_per_worker", "gpus_per_worker", "memory_per_worker", "accelerator", "least_workers", "max_failures",
)  # fmt: skip
_OF_FORECAST = ("expected_trials", "rows_per_s", "slots", "begin_with")


def made_from(plan: RunPlan) -> str:
    """12 hex digits over rows, features, the user's code and settings, without any seed.

    The seed of `data.split` is included: it decides which rows a model is made from.
    """
    sweep = _sweep(plan.sweep) if plan.sweep else None
    material = [_ingest(plan.ingest), _fit(plan.fit), sweep, plan.limits.time_s, plan.code.sha256]
    return hashlib.sha256(canonical(material).encode()).hexdigest()[:12]


def knows_rows(plan: RunPlan) -> bool:
    """Whether a plan knows the content of the rows; of a query it knows only how many there were, by day."""
    return plan.ingest.source != SQL


def _ingest(stage: IngestStage) -> dict[str, Any]:
    """The stage with its files reduced to content, and the windows of a split by hash to their shares."""
    found = _without(encode(stage), ("seed", *_OF_READING))
    if stage.promises and (out := leaving_out(stage.contract, stage.promises)):
        found["contract"] = out
    found["mask"] = stage.mask.rules if stage.mask else None
    found["taken"] = stage.taken.digest if stage.taken else ""
    found["files"] = [[file.sha256, file.slices] for file in stage.files]
    if stage.split is not None:
        found["windows"] = [[window.name, window.share] for window in stage.windows]
    return found


def _fit(stage: FitStage) -> dict[str, Any]:
    start = stage.warm_start
    return {
        **_without(encode(stage), _OF_MACHINE),
        "training": _without(stage.training, ("seed",)),
        "warm_start": start.digest if start and not start.problem else "",
    }


def _sweep(stage: SweepStage) -> dict[str, Any]:
    return {**_without(encode(stage), ("seed", *_OF_FORECAST)), "arms": [_fit(arm) for arm in stage.arms]}


def _without(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}
