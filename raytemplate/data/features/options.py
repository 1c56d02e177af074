"""What a template may set for one column, by kind of feature. Light: checking a template imports no array library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from raytemplate.data.options import AsText, DatetimePart
from raytemplate.options import Options
from raytemplate.plugins import FEATURES, load

_HERE = "raytemplate.data.features"


class FeatureOptions(Options):
    """Settings of one column under one kind of feature; what a plug-in of the group `raytemplate.features` offers."""

    kind: ClassVar[str]
    """The kind itself, a `FeatureKind` as "module:attribute": it may need array libraries, and is imported on use."""

    lists: ClassVar[tuple[str, ...]] = ("numeric", "categorical", "datetime", "text", "crosses")
    """Lists of `features` whose columns can be of this kind."""

    fills: ClassVar[bool] = False
    """Whether a missing value becomes a number that a value which is there can become as well."""


class FilledOptions(FeatureOptions):
    """Settings of one column whose missing values are filled in the numbers that it becomes."""

    fills: ClassVar[bool] = True

    impute: Literal["auto", "mean"] = "auto"
    """What a missing value becomes. `mean`: the training mean, which is 0 after scaling. `auto`: if training has
    missing values, trees get them as missing, and any other family the mean with a column of 0 and 1 more that says
    where; else the mean. Default: auto."""


class NumericOptions(FilledOptions):
    """Settings of one numeric column."""

    kind: ClassVar[str] = f"{_HERE}.numeric:Numeric"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    transform: Literal["none", "log"] = "none"
    """`log` replaces x by sign(x) * log(1 + |x|), for columns with a long tail. Default: none."""

    scale: Literal["standard", "none"] = "standard"
    """`standard` subtracts the training mean and divides by the training deviation; the result is kept within 16
    deviations, so that one faulty reading (the weather file has a wind of 1048 mph) cannot swamp a row.
    Default: standard."""


class BucketsOptions(FeatureOptions):
    """Settings of one column of numbers in ranges."""

    kind: ClassVar[str] = f"{_HERE}.buckets:Buckets"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    buckets: Annotated[int, Field(ge=2, le=1000)] = 10
    """Ranges with as many training rows in each as can be; fewer where one value fills several. Default: 10."""

    edges: tuple[float, ...] = ()
    """Rising edges of the ranges instead, such as [18, 30, 65]; a number on an edge is in the upper one.
    Default: training's quantiles."""

    encoding: Literal["embedding", "one-hot"] = "embedding"
    """`embedding` gives a code that the model embeds or splits on; `one-hot` a column of 0 and 1 for each range.
    Default: embedding."""

    @model_validator(mode="after")
    def _one_way(self) -> BucketsOptions:
        if self.edges and "buckets" in self.model_fields_set:
            raise ValueError("buckets and edges are both given; expected one of them")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges do not rise; expected such as [18, 30, 65]")
        return self


class QuantileOptions(FilledOptions):
    """Settings of one column of numbers by rank."""

    kind: ClassVar[str] = f"{_HERE}.quantile:Quantile"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    distribution: Literal["normal", "uniform"] = "normal"
    """What the ranks are spread as: `normal` with mean 0 and deviation 1, `uniform` from -1 to 1. Default: normal."""


class PowerOptions(FeatureOptions):
    """Settings of one column of numbers under the transform of Yeo and Johnson; there are none."""

    kind: ClassVar[str] = f"{_HERE}.power:Power"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)
    fills: ClassVar[bool] = True


class CategoricalOptions(FeatureOptions):
    """Settings of one categorical column."""

    kind: ClassVar[str] = f"{_HERE}.categorical:Categorical"
    lists: ClassVar[tuple[str, ...]] = ("categorical", "crosses")

    encoding: Literal["embedding", "one-hot"] = "embedding"
    """`embedding` gives a code that the model embeds or splits on; `one-hot` a column of 0 and 1 for each value.
    Default: embedding."""

    min_count: Annotated[int, Field(ge=1)] = 1
    """Values seen less often in training share one code with unknown ones. Default: 1, every value its own."""

    max_values: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Most values with a code of their own; the most frequent are kept. Default: 10,000."""


class OrdinalOptions(FilledOptions):
    """Settings of one categorical column whose values have an order."""

    kind: ClassVar[str] = f"{_HERE}.ordinal:Ordinal"
    lists: ClassVar[tuple[str, ...]] = ("categorical",)

    order: Annotated[tuple[AsText, ...], Field(min_length=2)]
    """All values from the lowest to the highest, such as [S, M, L, XL]. A training row with another ends the run; later
    such a row counts as unknown."""

    @field_validator("order")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = [v for n, v in enumerate(value) if v in value[:n]]
        if twice:
            raise ValueError(f'"{twice[0]}" is there twice')
        return value


class HashingOptions(FeatureOptions):
    """Settings of one categorical column of many values."""

    kind: ClassVar[str] = f"{_HERE}.hashing:Hashing"
    lists: ClassVar[tuple[str, ...]] = ("categorical", "crosses")

    buckets: Annotated[int, Field(ge=2, le=1_000_000)] = 1000
    """Codes that values share, by a hash of the value; new values have one too. Default: 1,000."""


class TargetMeanOptions(FeatureOptions):
    """Settings of one categorical column encoded by the mean of the target."""

    kind: ClassVar[str] = f"{_HERE}.target_mean:TargetMean"
    lists: ClassVar[tuple[str, ...]] = ("categorical", "crosses")

    smoothing: Annotated[float, Field(gt=0)] = 10.0
    """Rows with the mean of all that are added to each value's own, so that rare values say little. Default: 10."""

    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Parts of the train window; a training row is encoded by the mean over the other parts. Default: 5."""

    fold_by: tuple[str, ...] = ()
    """Columns whose hash puts a row in its fold: rows equal in all of them share one. Default: `data.keys`, else the
    time and the columns of all features."""

    max_values: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Most values with a mean of their own; the most frequent are kept. Default: 10,000."""


class TextOptions(FilledOptions):
    """Settings of one column of text."""

    kind: ClassVar[str] = f"{_HERE}.text:Text"
    lists: ClassVar[tuple[str, ...]] = ("text",)

    method: Literal["tf-idf", "hashing"] = "tf-idf"
    """`tf-idf` has a column for each of the terms that most training rows have, rare terms weighing more; `hashing`
    puts every term in one of `width` columns and fits nothing. Default: tf-idf."""

    width: Annotated[int, Field(ge=1, le=4096)] = 256
    """Most dense columns. Each takes 4 bytes a row. Default: 256."""

    tokens: Literal["words", "characters"] = "words"
    """What terms are made of: `words`, or `characters` for scripts without blanks and for misspelt text.
    Default: words."""

    ngrams: Annotated[int, Field(ge=1, le=5)] | None = None
    """Words: most of them in a row that are a term, besides each alone. Characters: how many are a term.
    Default: 1 word, 3 characters."""

    min_count: Annotated[int, Field(ge=1)] = 2
    """Terms in fewer training rows have no column. Default: 2."""


class DatetimeOptions(FilledOptions):
    """Settings of one column of time."""

    kind: ClassVar[str] = f"{_HERE}.datetimes:DatetimeParts"
    lists: ClassVar[tuple[str, ...]] = ("datetime",)

    parts: Annotated[tuple[DatetimePart, ...], Field(min_length=1)]
    """Parts to use, such as [weekday, hour-cycle]; Monday is the first weekday. All in UTC."""


def options_of(kind: str) -> type[FeatureOptions]:
    """What may be set for a column of that kind."""
    return load(FEATURES, kind)


def settings_of(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings that a kind of feature has, whatever they were given for."""
    known = options_of(kind).model_fields
    return {name: value for name, value in settings.items() if name in known}
