"""How much there is to do, as far as a plan knows: what a forecast is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from raytemplate.data.features.options import DatetimeOptions, TextOptions
from raytemplate.models.options import Family
from raytemplate.planning.stages import FeatureStep, FitStage, IngestStage

_CLASSES = 5
"""Taken for a target whose classes nobody could count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Rows of all windows and of each, files that are read, columns of these, and columns that features become.

    `trees` are those of one round: one, or of more than two classes one a class; `leaves` those of one tree, 0 for
    families without.
    """

    num_rows: int
    num_train_rows: int
    num_test_rows: int
    num_files: int = 1
    num_columns: int = 10
    width: int = 10
    trees: int = 1
    leaves: int = 0


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
        width=max(1, width_of(ingest.features)),
        trees=classes if ingest.task == "multiclass" else 1,
        leaves=family.leaves(options) if family.leaves else 0,
    )


def width_of(steps: Sequence[FeatureStep]) -> int:
    """Columns that features become, at most; a category is taken for one however it is encoded."""
    return sum(_width(step) for step in steps)


def _width(step: FeatureStep) -> int:
    if step.kind == "text":
        return TextOptions.model_validate(dict(step.settings)).width
    if step.kind == "datetime":
        parts = DatetimeOptions.model_validate(dict(step.settings)).parts
        return sum(2 if part.endswith("-cycle") else 1 for part in parts)
    return 1
