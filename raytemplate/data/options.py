"""The `data` and `features` namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator, model_validator

from raytemplate.data.sources.locations import is_uri
from raytemplate.data.sources.storage import uri_fault
from raytemplate.options import Options, YesNo
from raytemplate.units import SHARE_SCHEMA, SPAN_SCHEMA, Span, parse_share, parse_span


def _span(value: object) -> Span:
    return parse_span(value)


def as_text(value: object) -> object:
    """A value as a class of that value is called: true, 1, yes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return f"{value:.15g}" if isinstance(value, float) else value


SpanField = Annotated[Span, BeforeValidator(_span), PlainSerializer(str, return_type=str), WithJsonSchema(SPAN_SCHEMA)]
AsText = Annotated[str, BeforeValidator(as_text), WithJsonSchema({"type": ["string", "boolean", "number"]})]
Task = Literal["regression", "binary", "multiclass"]
DatetimePart = Literal[
    "minute",
    "hour",
    "weekday",
    "day",
    "month",
    "quarter",
    "dayofyear",
    "year",
    "minute-cycle",
    "hour-cycle",
    "weekday-cycle",
    "month-cycle",
    "dayofyear-cycle",
]


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


def _share(value: object) -> float:
    return parse_share(value)


Share = Annotated[
    float,
    BeforeValidator(_share),
    Field(gt=0, lt=1),
    PlainSerializer(lambda s: f"{100 * s:g} %", return_type=str),
    WithJsonSchema(SHARE_SCHEMA),
]


class SplitSpec(Options):
    """Data without a time: each row is put on a side by a seeded hash, and never changes sides."""

    validation: Share = 0.15
    """Share of the rows that choose the epoch, such as `15 %`. Default: 15 %."""

    test: Share = 0.15
    """Share of the rows that decide. Default: 15 %."""

    seed: int = 0
    """Another seed puts rows on other sides, and what was trained before can no longer be compared. Default: 0."""

    ignore: tuple[str, ...] = ()
    """Columns that do not count where there are no `data.keys`, such as the number of a row: rows alike in all others
    share a side. Default: none."""

    @model_validator(mode="after")
    def _leaves_some(self) -> SplitSpec:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing to train on; together they must be less than 100 %")
        return self


class CsvSpec(Options):
    """How CSV files are written. They are UTF-8, quoted as in RFC 4180, and may be gzipped.

    `missing` and `dates` hold for what is not CSV, too: the model keeps them, with the type of each column, and takes
    the values of every file and frame that it scores as it took those it was trained on."""

    separator: str = ""
    """What stands between fields, such as `;`. Default: the one of `,` `;` tab and `|` by which most of the first
    records have as many fields as the first; a blank if nothing else separates them."""

    header: YesNo = True
    """Whether the first record names the columns. Default: true."""

    columns: tuple[str, ...] = ()
    """Names of the columns, instead of those of the header or where there is none. Default: the header's;
    without one `column_1`, `column_2` and so on."""

    decimal: Literal[".", ","] = "."
    """What stands before the fraction of a number. Default: a point."""

    missing: tuple[str, ...] = ("",)
    """Texts that stand for a missing value, such as `["", "?", "-999"]`, with or without blanks around them; of numbers
    every way of writing them does, such as `-999.0`. They hold in Parquet, JSON Lines and frames, too, and text that is
    empty or blank is missing everywhere. In numbers, booleans and times `NA`, `N/A`, `NaN`,
    `null`, `None`, `?` and `-` do so in any case; in text they are values. Default: the empty field."""

    dates: tuple[str, ...] = ()
    """Formats of dates and times besides ISO 8601, such as `["%d.%m.%Y"]`; each value may have another. They are read
    to the letter: `29.05.24` is none of `%d.%m.%Y`, `31.02.2024` is no date at all, and a value that two formats read
    otherwise is refused. Those of digits alone, such as `%Y%m%d`, hold for `data.time` and for columns that the
    contract calls `time`: elsewhere such values are numbers. They hold in JSON Lines and frames, too, and in Parquet
    `%Y` for whole numbers. Default: none."""

    true_values: tuple[str, ...] = ()
    """Words for true, besides `true`, such as `[yes]`. Default: none, so that `yes` and `no` are categories."""

    false_values: tuple[str, ...] = ()
    """Words for false, besides `false`, such as `[no]`. Default: none."""

    @field_validator("dates")
    @classmethod
    def _are_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from raytemplate.data.sources.text.date_formats import format_fault

        if fault := next((fault for form in value if (fault := format_fault(form))), ""):
            raise ValueError(fault)
        return value

    @field_validator("separator")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if len(value.encode()) > 1 or value in ('"', "\n", "\r"):
            raise ValueError(f'got "{value}", expected one character such as ";"')
        return value


_FORMAT_SCHEMA = {"type": "string", "examples": ["auto", "parquet", "csv", "jsonl"]}


class StorageSpec(Options):
    """Where the bucket of an `s3://` source is. Keys are taken from the environment, as the AWS tools take them
    (`AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, a role of the machine), and never from this file."""

    endpoint: str = ""
    """Address of a store that is not AWS, such as `http://minio:9000`. Default: `AWS_ENDPOINT_URL`, else AWS's own."""

    region: str = ""
    """Region of the bucket, such as `eu-central-1`. Default: that of `AWS_REGION` or the profile, else `us-east-1`."""

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/@?#]+/?", value):
            shown = "an address with a password or path" if "@" in value else f'"{value}"'
            raise ValueError(f'got {shown}, expected such as "http://minio:9000"')
        return value.rstrip("/")


class DataSpec(Options):
    """Which rows a model is made from."""

    source: str
    """Files to read: a path, a folder or a pattern such as `data/*.parquet`, relative to this file, or the same in a
    bucket, such as `s3://bucket/data/*.parquet`. Folders named `year=2013` give a column `year`."""

    storage: StorageSpec = StorageSpec()
    """Where the bucket of the source is."""

    format: Annotated[str, WithJsonSchema(_FORMAT_SCHEMA)] = "auto"
    """What the files are: `parquet`, `csv`, `jsonl` (an object a line) or what a plug-in reads. Default: what their
    ending says (.parquet, .csv, .tsv, .jsonl, .ndjson; text may end in .gz)."""

    csv: CsvSpec = CsvSpec()
    """How CSV files are written."""

    time: str = ""
    """Column with the time of a row; the windows are cut by it. Without an offset it is taken as UTC. Data without one
    needs `data.split`."""

    target: str
    """Column to predict. For two classes also a SQL condition that is true for yes, such as `arr_delay > 15`; a name
    that reads as one stands in double quotes."""

    task: Task = "regression"
    """What is predicted: `regression` a number, `binary` yes or no, `multiclass` one of up to 1,000 values.
    Default: regression."""

    positive: AsText = ""
    """The value of a binary target that counts as yes, such as `"yes"`. Default: true or 1; text has no default."""

    keys: tuple[str, ...] = ()
    """Columns that say which row it is; `predict` gives them back as they are written: 007 stays 007. None may be
    called `prediction`, `model_version` or, for more than two classes, `probability_...`. Default: none."""

    drop: str = ""
    """Rows to leave out: a SQL condition over columns, such as `air_time is null`; text stands in single quotes, names
    that are no plain words in double ones. Default: none."""

    rows: Annotated[int, Field(ge=1)] | None = None
    """About how many rows to use, a seeded sample spread over the windows in proportion, such as 5000 in a variant for
    trying out. Where there are many row groups only some are read. Default: all."""

    ingest: Literal["auto", "memory", "stream"] = "auto"
    """`memory` encodes once and keeps arrays in Ray's object store; `stream` needs bounded memory, for any size.
    Default: memory where it fits a quarter of that store's machine."""

    windows: WindowsSpec = WindowsSpec()
    """The time windows."""

    split: SplitSpec | None = None
    """For data without `data.time`: shares of the rows, such as `{validation: 15 %, test: 15 %}`, by a seeded hash of
    `data.keys`, or of all columns but the target (and those in `ignore`) where there are no keys. Default: none."""

    @field_validator("source")
    @classmethod
    def _can_be_found(cls, value: str) -> str:
        if is_uri(value) and (fault := uri_fault(value)):
            raise ValueError(fault)
        return value


class OwnSpec(Options):
    """Columns that a function of yours adds."""

    build: str
    """The function, such as `my_pkg.features:add`, in one of `code.modules`: it gets an Arrow table of `columns` and
    returns one with as many rows, or a mapping of name to values. A row's result must not depend on other rows."""

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns of the data that it gets."""

    gives: Annotated[Mapping[str, Literal["numeric", "categorical"]], Field(min_length=1)]
    """Columns that it returns, and what each is: `numeric` or `categorical`; `features.columns` may say more."""


class FeaturesSpec(Options):
    """What the model may see: allow-lists of columns."""

    numeric: tuple[str, ...] = ()
    """Columns used as numbers, scaled to mean 0 and deviation 1. A missing one stays missing for trees; other families
    get the training mean and a column that says so."""

    categorical: tuple[str, ...] = ()
    """Columns used as categories: embedded (or one-hot), with a code for unknown, rare and missing values."""

    datetime: Mapping[str, tuple[DatetimePart, ...]] = {}
    """Columns of time and the parts to use, such as `{time_hour: [weekday, hour-cycle]}`, in UTC. A cycle is a sine and
    a cosine, so that 23 h is next to 0 h."""

    text: tuple[str, ...] = ()
    """Columns of free text: a dense column for each of their most frequent words, or as `features.columns` says."""

    crosses: Mapping[str, Annotated[tuple[str, ...], Field(min_length=2)]] = {}
    """Combinations of columns used as one category, by a name of their own, such as `{route: [origin, dest]}`."""

    own: OwnSpec | None = None
    """A function of yours that makes features, such as `{build: my_pkg.features:add, columns: [distance, air_time],
    gives: {speed: numeric}}`. Default: none."""

    columns: Mapping[str, Mapping[str, Any]] = {}
    """Settings for single columns, such as `precip: {transform: log}`; `kind` makes another kind of feature of one,
    such as `age: {kind: buckets, edges: [18, 65]}`."""

    forbidden: tuple[str, ...] = ()
    """Patterns of columns that no feature may match, such as `dep_*`: known only after the prediction is needed."""

    def listed(self) -> Iterator[Listed]:
        """Every feature, in the order of their columns when encoded."""
        for name in ("numeric", "categorical"):
            for item, column in enumerate(getattr(self, name)):
                yield Listed(name, column, name, (column,), item)
        for column in self.datetime:
            yield Listed("datetime", column, "datetime", (column,))
        for item, column in enumerate(self.text):
            yield Listed("text", column, "text", (column,), item)
        for name, columns in self.crosses.items():
            yield Listed("crosses", name, "categorical", columns)
        for name, kind in self.own.gives.items() if self.own else ():
            yield Listed("own", name, kind, self.own.columns if self.own else ())


class Listed(NamedTuple):
    """One feature as it is listed: in which field, its name, the kind it is by default, its columns, its index."""

    field: str
    name: str
    kind: str
    inputs: tuple[str, ...]
    item: int | None = None

    @property
    def path(self) -> str:
        """The dotted path that a problem with it has."""
        if self.field == "own":
            return "features.own.columns"
        return f"features.{self.field}" if self.item is not None else f"features.{self.field}.{self.name}"
