"""The `evaluation` namespace."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from raytemplate.options import Options

_RULES = ("median_by", "mean_by", "quantile_by")


class BaselineSpec(Options):
    """The simple rule that a model must beat, fitted on the training window. Exactly one field is set."""

    median_by: tuple[str, ...] | None = None
    """Median of the target for each combination of these columns; `[]` is the median of all rows."""

    mean_by: tuple[str, ...] | None = None
    """Mean of the target for each combination of these columns; `[]` is the mean of all rows. For two classes it is the
    rate of the positive one, for more the share of each, both as if each combination had one more, average row."""

    quantile_by: tuple[str, ...] | None = None
    """For `training.loss: quantile`: that quantile of the target for each combination of these columns; `[]` is the
    quantile of all rows."""

    @model_validator(mode="after")
    def _one(self) -> BaselineSpec:
        if len([name for name in _RULES if getattr(self, name) is not None]) != 1:
            raise ValueError("expected exactly one of median_by, mean_by and quantile_by")
        return self

    @property
    def rule(self) -> str:
        """The field that is set."""
        return next(name for name in _RULES if getattr(self, name) is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to group by."""
        return getattr(self, self.rule)


class GroupSpec(Options):
    """Rows that belong together because they are of the same customer, patient or machine."""

    group: Annotated[str, Field(min_length=1)]
    """Column that identifies the customer, patient or machine. Rows with the same value stay together; a row without a
    value is a group of its own."""


class EvaluationSpec(Options):
    """How candidate, champion and baseline are compared, on the same test rows."""

    metric: str = "mae"
    """The metric that decides, in gates and in the choice of the epoch. Default: mae; log-loss for classes, pinball for
    a quantile."""

    also: tuple[str, ...] = ()
    """Further metrics to report; a parent template may list the deciding one, too. Default: none."""

    baseline: BaselineSpec = BaselineSpec(median_by=())
    """The simple rule to compare with. Default: the median of all training rows; for classes their shares,
    for a quantile that of all training rows."""

    slices: tuple[str, ...] = ()
    """Columns by which the test rows are sliced; each slice gets the same metrics. Text makes a slice for every value,
    a number with many values makes five ranges. Default: none."""

    resample: Literal["auto", "day", "hour", "week", "row"] | GroupSpec = "auto"
    """The unit that the bootstrap draws, so that rows that belong together stay together: `day`, `hour`, `week`, `row`,
    or the rows of one customer with `{group: customer_id}`. With fewer than ten units in the test rows a gate on
    intervals holds instead of passing. Default: day if rows have a time, else row."""
