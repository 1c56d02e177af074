"""The settings of one column, by kind of feature. Kept light: checking a template must import no array library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from raytemplate.data.options import AsText, DatetimePart
from raytemplate.options import Options
from raytemplate.plugins import FEATURES, load

_HERE = "raytemplate.data.features"


class FeatureOptions(Options):
    """Settings of one column under one kind of feature. A plug-in of the group `raytemplate.features` provides one."""

    kind: ClassVar[str]
    """The `FeatureKind` as "module:attribute". It may need array libraries, so it is imported only when used."""

    lists: ClassVar[tuple[str, ...]] = ("numeric", "categorical", "datetime", "text", "crosses")
    """Lists of `features` whose columns can be of this kind."""

    fills: ClassVar[bool] = False
    """Whether a missing value is encoded as a number that another value could be encoded as, too."""


class FilledOptions(FeatureOptions):
    """Settings of one column whose missing values are filled when it is encoded."""

    fills: ClassVar[bool] = True

    impute: Literal["auto", "mean"] = "auto"
    """How a missing value is encoded. `mean`: as the training mean, which is 0 after scaling. `auto`: if training has
    missing values, trees see them as missing, and other families get the mean and an extra column of 0 and 1 that marks
    them; otherwise as `mean`. Default: auto."""


class NumericOptions(FilledOptions):
    """Settings of one numeric column."""

    kind: ClassVar[str] = f"{_HERE}.numeric:Numeric"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    transform: Literal["none", "log"] = "none"
    """`log` replaces x by sign(x) * log(1 + |x|), for columns with a long tail. Default: none."""

    scale: Literal["standard", "none"] = "standard"
    """`standard` subtracts the training mean and divides by the training standard deviation; the result is clipped to
    16 deviations, so that one faulty reading (the weather file has a wind of 1048 mph) cannot swamp a row.
    Default: standard."""


class BucketsOptions(FeatureOptions):
    """Settings of one column of numbers that is cut into ranges."""

    kind: ClassVar[str] = f"{_HERE}.buckets:Buckets"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    buckets: Annotated[int, Field(ge=2, le=1000)] = 10
    """Number of ranges, with training rows shared out as evenly as possible; fewer if one value would fill several.
    Default: 10."""

    edges: tuple[float, ...] = ()
    """Rising edges of the ranges, instead of `buckets`, such as [18, 30, 65]; an edge belongs to the upper range.
    Default: quantiles of the training data."""

    encoding: Literal["embedding", "one-hot"] = "embedding"
    """`embedding` makes a code that the model embeds or splits on; `one-hot` a column of 0 and 1 for each range.
    Default: embedding."""

    @model_validator(mode="after")
    def _one_way(self) -> BucketsOptions:
        if self.edges and "buckets" in self.model_fields_set:
            raise ValueError("buckets and edges are both given; expected one of them")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges do not rise; expected rising ones such as [18, 30, 65]")
        return self


class QuantileOptions(FilledOptions):
    """Settings of one column of numbers that is replaced by ranks."""

    kind: ClassVar[str] = f"{_HERE}.quantile:Quantile"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)

    distribution: Literal["normal", "uniform"] = "normal"
    """Distribution of the encoded ranks: `normal` with mean 0 and standard deviation 1, or `uniform` from -1 to 1.
    Default: normal."""


class PowerOptions(FeatureOptions):
    """One column of numbers under the transform of Yeo and Johnson. It has no settings."""

    kind: ClassVar[str] = f"{_HERE}.power:Power"
    lists: ClassVar[tuple[str, ...]] = ("numeric",)
    fills: ClassVar[bool] = True


class CategoricalOptions(FeatureOptions):
    """Settings of one categorical column."""

    kind: ClassVar[str] = f"{_HERE}.categorical:Categorical"
    lists: ClassVar[tuple[str, ...]] = ("categorical", "crosses")

    encoding: Literal["embedding", "one-hot"] = "embedding"
    """`embedding` makes a code that the model embeds or splits on; `one-hot` a column of 0 and 1 for each value.
    Default: embedding."""

    min_count: Annotated[int, Field(ge=1)] = 1
    """Values with fewer training rows share one code with unknown values. Default: 1, a code for every value."""

    max_values: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Most values with a code of their own; the most frequent are kept. Default: 10,000."""


class OrdinalOptions(FilledOptions):
    """Settings of one categorical column whose values have an order."""

    kind: ClassVar[str] = f"{_HERE}.ordinal:Ordinal"
    lists: ClassVar[tuple[str, ...]] = ("categorical",)

    order: Annotated[tuple[AsText, ...], Field(min_length=2)]
    """All values from the lowest to the highest, such as [S, M, L, XL]. A training row with any other value ends the
    run; in later rows such a value counts as unknown."""

    @field_validator("order")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = [v for n, v in enumerate(value) if v in value[:n]]
        if twice:
            raise ValueError(f'"{twice[0]}" is listed twice')
        return value


class HashingOptions(FeatureOptions):
    """Settings of one categorical column with many distinct values."""

    kind: ClassVar[str] = f"{_HERE}.hashing:Hashing"
    lists: ClassVar[tuple[str, ...]] = ("categorical", "crosses")

    buckets: Annotated[int, Field(ge=2, le=1_000_000)] = 1000
    """Number of codes that values share, by a hash of the value; new values get one, too. Default: 1,000."""


class TargetMeanOptions(FeatureOptions):
    """Settings of one categorical column encoded by the mean of the target."""

    kind: ClassVar[str] = f"{_HERE}.target_mean:TargetMean"
    lists: ClassVar[tuple[str, ...]] = ("categorical", "crosses")

    smoothing: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the overall mean in rows: that many rows with it are added to those of each value, so that rare values
    stay close to it. Default: 10."""

    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Number of parts of the train window; a training row is encoded by the mean over the other parts. Default: 5."""

    fold_by: tuple[str, ...] = ()
    """Columns whose hash decides the fold of a row: rows that are equal in all of them share one. Default: `data.keys`,
    else the time and the columns of all features."""

    max_values: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Most values with a mean of their own; the most frequent are kept. Default: 10,000."""


class TextOptions(FilledOptions):
    """Settings of one column of text."""

    kind: ClassVar[str] = f"{_HERE}.text:Text"
    lists: ClassVar[tuple[str, ...]] = ("text",)

    method: Literal["tf-idf", "hashing"] = "tf-idf"
    """`tf-idf` makes a column for each of the terms that occur in most training rows, with more weight for rarer ones;
    `hashing` puts every term in one of `width` columns and fits nothing. Default: tf-idf."""

    width: Annotated[int, Field(ge=1, le=4096)] = 256
    """Most dense columns. Each takes 4 bytes a row. Default: 256."""

    tokens: Literal["words", "characters"] = "words"
    """Units of a term: `words`, or `characters` for scripts without blanks and for misspelt text.
    Default: words."""

    ngrams: Annotated[int, Field(ge=1, le=5)] | None = None
    """For words, the longest sequence that is a term, besides each word alone; for characters, the length of a term.
    Default: 1 word, 3 characters."""

    min_count: Annotated[int, Field(ge=1)] = 2
    """Terms in fewer training rows get no column. Default: 2."""


class DatetimeOptions(FilledOptions):
    """Settings of one column of times."""

    kind: ClassVar[str] = f"{_HERE}.datetimes:DatetimeParts"
    lists: ClassVar[tuple[str, ...]] = ("datetime",)

    parts: Annotated[tuple[DatetimePart, ...], Field(min_length=1)]
    """Parts to use, such as [weekday, hour-cycle]; Monday is the first weekday. All in UTC."""


def options_of(kind: str) -> type[FeatureOptions]:
    """The options of that kind of feature."""
    return load(FEATURES, kind)


def settings_of(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The subset of `settings` that a kind of feature has."""
    known = options_of(kind).model_fields
    return {name: value for name, value in settings.items() if name in known}
