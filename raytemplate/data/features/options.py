"""What a template may set for one column, by kind of feature. Light: checking a template imports no array library."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from raytemplate.data.options import DatetimePart
from raytemplate.plugins import Options


class NumericOptions(Options):
    """Settings of one numeric column."""

    transform: Literal["none", "log"] = "none"
    """`log` replaces x by sign(x) * log(1 + |x|), for columns with a long tail. Default: none."""

    scale: Literal["standard", "none"] = "standard"
    """`standard` subtracts the training mean and divides by the training deviation; the result is kept within 16
    deviations, so that one faulty reading (the weather file has a wind of 1048 mph) cannot swamp a row.
    Default: standard."""

    impute: Literal["mean"] = "mean"
    """What a missing value becomes: the training mean, which is 0 after scaling. Default: mean."""


class CategoricalOptions(Options):
    """Settings of one categorical column."""

    encoding: Literal["embedding", "one-hot"] = "embedding"
    """`embedding` gives a code that the model embeds or splits on; `one-hot` a column of 0 and 1 for each value.
    Default: embedding."""

    min_count: Annotated[int, Field(ge=1)] = 1
    """Values seen less often in training share one place with unknown ones. Default: 1, every value its own."""

    max_values: Annotated[int, Field(ge=1)] = 10_000
    """Most values with a place of their own; the most frequent are kept. Default: 10,000."""


class DatetimeOptions(Options):
    """Settings of one column of time."""

    parts: Annotated[tuple[DatetimePart, ...], Field(min_length=1)]
    """Parts to use, such as [weekday, hour]; Monday is the first weekday. All in UTC."""
