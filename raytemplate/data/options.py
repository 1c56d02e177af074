"""The `data` and `features` namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, field_validator

from raytemplate.plugins import Options
from raytemplate.units import Span, parse_span


def _span(value: object) -> Span:
    return parse_span(value)


def _as_text(value: object) -> object:
    """A value as a class of that value is called: true, 1, yes."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, int | float) else value


SpanField = Annotated[Span, BeforeValidator(_span), PlainSerializer(str, return_type=str)]
Task = Literal["regression", "binary", "multiclass"]
DatetimePart = Literal["minute", "hour", "weekday", "day", "month", "quarter", "dayofyear", "year"]


class WindowsSpec(Options):
    """Three half-open windows, back to back, backwards from as-of minus `label_delay`: train < validation < test."""

    train: SpanField = Span(0, "all")
    """Length of the training window, such as `90d`, `3 months` or `all` there is before validation."""

    validation: SpanField = Span(7, "day")
    """Length of the validation window: it chooses the epoch. Default: one week, so that every weekday counts once."""

    test: SpanField = Span(14, "day")
    """Length of the test window: it decides. Default: two weeks; fewer days give intervals too wide to decide on."""

    label_delay: SpanField = Span(0, "day")
    """How long after its time a row's label is known. The newest window ends that long before as-of. Default: 0"""

    @field_validator("validation", "test", "label_delay")
    @classmethod
    def _has_length(cls, value: Span) -> Span:
        if value.unit == "all":
            raise ValueError('got "all", expected a length of time such as "7d"; only train can be all')
        return value

    @field_validator("train", "validation", "test")
    @classmethod
    def _not_empty(cls, value: Span) -> Span:
        if value.unit != "all" and value.amount == 0:
            raise ValueError('got a window of no length, expected such as "7d"')
        return value


class DataSpec(Options):
    """Which rows a model is made from."""

    source: str
    """Files to read: a path or a pattern such as `data/*.parquet`, relative to this file."""

    time: str
    """Column with the time of a row; the windows are cut by it. Without an offset it is taken as UTC."""

    target: str
    """Column to predict. For two classes also a SQL condition that is true for yes, such as `arr_delay > 15`."""

    task: Task = "regression"
    """What is predicted: `regression` a number, `binary` yes or no, `multiclass` one of up to 1,000 values.
    Default: regression."""

    positive: Annotated[str, BeforeValidator(_as_text)] = ""
    """The value of a binary target that counts as yes, such as `"yes"`. Default: true or 1; text has no default."""

    keys: tuple[str, ...] = ()
    """Columns that say which row it is; `predict` keeps them. Default: none."""

    drop: str = ""
    """Rows to leave out: a SQL condition over columns, such as `air_time is null`. Default: none."""

    ingest: Literal["auto", "memory", "stream"] = "auto"
    """`memory` encodes once and keeps arrays in the object store; `stream` needs bounded memory, for any size.
    Default: memory where it fits a quarter of the object store's machine."""

    windows: WindowsSpec = WindowsSpec()
    """The time windows."""


class FeaturesSpec(Options):
    """What the model may see: allow-lists of columns."""

    numeric: tuple[str, ...] = ()
    """Columns used as numbers: nulls filled with the training mean, scaled to mean 0 and deviation 1."""

    categorical: tuple[str, ...] = ()
    """Columns used as categories: embedded (or one-hot), with a place for unknown, rare and missing values."""

    datetime: Mapping[str, tuple[DatetimePart, ...]] = {}
    """Columns of time and the parts to use, such as `{time_hour: [weekday, hour]}`, in UTC."""

    columns: Mapping[str, Mapping[str, Any]] = {}
    """Settings for single columns, such as `precip: {transform: log}`."""

    forbidden: tuple[str, ...] = ()
    """Patterns of columns that no feature may match, such as `dep_*`: known only after the prediction is needed."""
