"""How much work a plan means, as far as it is known: the input of the forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from raytemplate.data.features.options import DatetimeOptions, TextOptions
from raytemplate.models.options import Family
from raytemplate.planning.stages import FeatureStep, FitStage, IngestStage

_CLASSES = 5
"""Classes assumed for a target whose classes could not be counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The amount of work of one run."""

    num_rows: int
    """Rows of all windows."""

    num_train_rows: int
    """Rows of the training window."""

    num_test_rows: int
    """Rows of the test window."""

    num_files: int = 1
    """Files to read."""

    num_columns: int = 10
    """Columns to read."""

    width: int = 10
    """Columns that the features become."""

    trees: int = 1
    """Trees of one round: one, or one a class if there are more than two classes."""

    leaves: int = 0
    """Leaves of one tree; 0 for families without trees."""


def size_of(ingest: IngestStage, fit: FitStage, family: Family, num_classes: int) -> Size:
    """The size of a plan's work."""
    rows = {window.name: window.num_rows for window in ingest.windows}
    options: Any = family.options.model_validate(dict(fit.model))
    classes = num_classes or (_CLASSES if ingest.task == "multiclass" else 1)
    return Size(
        num_rows=sum(rows.values()),
        num_train_rows=rows["train"],
        num_test_rows=rows["test"],
        num_files=max(1, len(ingest.files)),
        num_columns=len(ingest.columns),
        width=max(1, width_of(ingest.features) + (ingest.taken.num_columns if ingest.taken else 0)),
        trees=classes if ingest.task == "multiclass" else 1,
        leaves=family.leaves(options) if family.leaves else 0,
    )


def width_of(steps: Sequence[FeatureStep]) -> int:
    """Most columns that features become; a category counts as one column however it is encoded."""
    return sum(_width(step) for step in steps)


def _width(step: FeatureStep) -> int:
    if step.kind == "text":
        return TextOptions.model_validate(dict(step.settings)).width
    if step.kind == "datetime":
        parts = DatetimeOptions.model_validate(dict(step.settings)).parts
        return sum(2 if part.endswith("-cycle") else 1 for part in parts)
    return 1
