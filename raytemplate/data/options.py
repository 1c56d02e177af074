"""The `data` and `features` namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from raytemplate.data.features.set_name import PATTERN, parse_set_name
from raytemplate.data.mask_options import MaskKeyField, MaskRuleField
from raytemplate.data.sources.locations import is_uri
from raytemplate.data.sources.naming import SQL, nearest, split_source
from raytemplate.data.sources.storage import uri_fault
from raytemplate.data.sql_options import SqlSpec
from raytemplate.options import Options, YesNo
from raytemplate.units import SHARE_SCHEMA, SPAN_SCHEMA, Span, parse_moment, parse_share, parse_span


def _span(value: object) -> Span:
    return parse_span(value)


def as_text(value: object) -> object:
    """A YAML value as the name of the class that it denotes: "true", "1", "yes"."""
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
    """Three consecutive half-open windows that end at as-of minus `label_delay`: train, then validation, then test."""

    train: SpanField = Span(0, "all")
    """Length of the training window, such as `90d` or `3 months`; `all` is everything before the validation window.
    Default: all."""

    validation: SpanField = Span(7, "day")
    """Length of the validation window, which chooses the epoch. Default: one week, so every weekday counts once."""

    test: SpanField = Span(14, "day")
    """Length of the test window, on which the gates decide. Default: two weeks; fewer days give intervals too wide to
    decide on."""

    label_delay: SpanField = Span(0, "day")
    """How long after a row's time its label is known. The newest window ends that long before as-of. Default: 0."""

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
            raise ValueError('got a window of no length, expected one such as "7d"')
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
    """How data without a time is split: a seeded hash puts each row on a side, and it never changes sides."""

    validation: Share = 0.15
    """Share of the rows for validation, which chooses the epoch, such as `15 %`. Default: 15 %."""

    test: Share = 0.15
    """Share of the rows for the test, on which the gates decide. Default: 15 %."""

    seed: int = 0
    """Seed of the hash. Changing it moves rows to other sides: earlier models can no longer be compared. Default: 0."""

    ignore: tuple[str, ...] = ()
    """Columns left out of the hash, such as a row number, if there are no `data.keys`: rows that are equal in all other
    columns share a side. Default: none."""

    @model_validator(mode="after")
    def _leaves_some(self) -> SplitSpec:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing to train on; together they must be less than 100 %")
        return self


class CsvSpec(Options):
    """How CSV files are written. They are UTF-8, quoted as in RFC 4180, and may be gzipped.

    `missing` and `dates` apply to other formats, too: the model stores them, with the type of each column, and reads
    the values of every file and frame that it scores as it read its training data."""

    separator: str = ""
    """The character between fields, such as `;`. Default: the one of `,` `;` tab and `|` that gives most of the first
    records as many fields as the very first has; a blank if none of them separates anything."""

    header: YesNo = True
    """Whether the first record names the columns. Default: true."""

    columns: tuple[str, ...] = ()
    """Names of the columns, replacing those of the header if there is one. Default: the header's; without a header
    `column_1`, `column_2` and so on."""

    decimal: Literal[".", ","] = "."
    """The decimal separator of numbers. Default: a point."""

    missing: tuple[str, ...] = ("",)
    """Texts that mean a missing value, such as `["", "?", "-999"]`, with or without blanks around them; a number counts
    however it is written, such as `-999.0`. They apply to Parquet, JSON Lines and frames, too. Empty or blank text is
    missing everywhere. In columns of numbers, booleans and times `NA`, `N/A`, `NaN`, `null`, `None`, `?` and `-` are
    always missing, whatever the case of the letters; in text they are values. Default: the empty field."""

    dates: tuple[str, ...] = ()
    """Formats of dates and times besides ISO 8601, such as `["%d.%m.%Y"]`; each value may use a different one. They are
    strict: `29.05.24` does not match `%d.%m.%Y`, `31.02.2024` is not a date, and a value that two formats read
    differently is refused. Formats of digits only, such as `%Y%m%d`, apply to `data.time` and to columns that the
    contract calls `time`; elsewhere such values are numbers. Formats apply to JSON Lines and frames, too, and `%Y` to
    whole numbers in Parquet. Default: none."""

    true_values: tuple[str, ...] = ()
    """Words for true besides `true`, such as `[yes]`. Default: none, so that `yes` and `no` are categories."""

    false_values: tuple[str, ...] = ()
    """Words for false besides `false`, such as `[no]`. Default: none."""

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


_VERSION_SCHEMA = {"type": ["string", "integer"], "examples": [12, "2013-06-01", "latest"]}
_FORMAT_SCHEMA = {"type": "string", "examples": ["auto", "parquet", "csv", "jsonl"]}


class StorageSpec(Options):
    """Where the bucket of an `s3://` source is. Credentials come from where the AWS tools look for them (`AWS_PROFILE`,
    `AWS_ACCESS_KEY_ID`, the machine's role), never from this file."""

    endpoint: str = ""
    """Address of an S3 store other than AWS, such as `http://minio:9000`. Default: `AWS_ENDPOINT_URL`, else AWS."""

    region: str = ""
    """Region of the bucket, such as `eu-central-1`. Default: `AWS_REGION` or the profile's region, else `us-east-1`."""

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/@?#]+/?", value):
            shown = "an address with a password or path" if "@" in value else f'"{value}"'
            raise ValueError(f'got {shown}, expected an address such as "http://minio:9000"')
        return value.rstrip("/")


class DataSpec(Options):
    """Which rows a model is trained and tested on."""

    source: str
    """Files to read: a path, a folder or a pattern such as `data/*.parquet`, relative to this file, or the same in a
    bucket, such as `s3://bucket/data/*.parquet`. Folders named like `year=2013` add a column `year`. `delta:PATH` is a
    Delta Lake table, given by its folder; `sql` is the query of `data.sql`."""

    sql: SqlSpec = SqlSpec()
    """The database and the query of `data.source: sql`."""

    version: Annotated[str, BeforeValidator(as_text), WithJsonSchema(_VERSION_SCHEMA)] = ""
    """Version of a table that keeps several: a number such as `12`, a date or time such as `2013-06-01` for the newest
    version at that moment, or `latest`. The plan records the number. Default: latest, the newest when it is planned."""

    storage: StorageSpec = StorageSpec()
    """Where the bucket of the source is."""

    format: Annotated[str, WithJsonSchema(_FORMAT_SCHEMA)] = "auto"
    """Format of the files: `parquet`, `csv`, `jsonl` (one object a line) or one that a plug-in reads. Default: by their
    ending (.parquet, .csv, .tsv, .jsonl, .ndjson; text files may also end in .gz)."""

    csv: CsvSpec = CsvSpec()
    """How CSV files are written."""

    time: str = ""
    """Column with the time of each row, by which the windows are cut. Times without an offset are taken as UTC. Data
    without such a column needs `data.split`."""

    target: str
    """Column to predict. For two classes also a SQL condition that is true for yes, such as `arr_delay > 15`. Put a
    column name that reads like a condition in double quotes."""

    task: Task = "regression"
    """What to predict: `regression` a number, `binary` yes or no, `multiclass` one of up to 1,000 values.
    Default: regression."""

    positive: AsText = ""
    """The value of a binary target that counts as yes, such as `"yes"`. Default: true or 1; text has no default."""

    keys: tuple[str, ...] = ()
    """Columns that identify a row; `predict` returns them as they are written: 007 stays 007. A run tells by them which
    labels have changed since the champion was trained. None may be called `prediction`, `model_version` or, for more
    than two classes, `probability_...`. Default: none."""

    drop: str = ""
    """Rows to leave out: a SQL condition over columns, such as `air_time is null`. Put text in single quotes, and names
    that are not plain words in double quotes. Default: none."""

    mask: Mapping[str, MaskRuleField] = {}
    """Columns whose values nobody may see, such as `{tailnum: hash, zip: {truncate: 3}, age: {bucket: 10}, ssn: drop}`.
    They are masked as the files are read, before anything is stored, cached, logged or shown, and `predict` masks the
    same way, keys included. `hash`: 32 hex digits that depend on `data.mask_key`; equal values have equal hashes.
    `truncate: N`: the first N characters of the text, or of a number's digits. `bucket: W`: numbers down to the next
    multiple of W: 37 becomes 30, and -3 becomes -10; with W 0.5, 1.7 becomes 1.5. `drop`: nothing may use the column.
    Missing values stay missing. `data.split`, `data.drop` and the contract see the values as they are in the data;
    features, baseline, slices and everything after them see masked ones. The target, the time and columns that come
    from folder names cannot be masked. Default: none."""

    mask_key: MaskKeyField = ""
    """Where the key of `hash` is: `{env: NAME}` or `{file: PATH}`, with at least 16 characters. It is looked up on
    every machine that reads rows, is never stored, and `predict` needs it too. Another key gives other hashes, so a
    model cannot be used with it. Default: none."""

    keep: Literal["reference", "copy"] = "reference"
    """`reference`: a run records what it read, and reads it again if it is resumed. `copy`: the rows, as they were
    masked, are kept in the workspace, so that the run can be made again when its source is gone. Rows of SQL are always
    kept. Default: reference."""

    rows: Annotated[int, Field(ge=1)] | None = None
    """About how many rows to use, such as 5000 in a variant for trying things out: a seeded sample, proportional over
    the windows. If there are many row groups, only some are read. Default: all."""

    ingest: Literal["auto", "memory", "stream"] = "auto"
    """`memory` encodes once and keeps the arrays in Ray's object store; `stream` uses bounded memory, for data of any
    size. Default: memory if the arrays fit a quarter of the memory of that store's machine."""

    windows: WindowsSpec = WindowsSpec()
    """The time windows."""

    split: SplitSpec | None = None
    """For data without `data.time`: shares of the rows, such as `{validation: 15 %, test: 15 %}`, by a seeded hash of
    `data.keys`, or without keys of all columns except the target and those in `ignore`. Default: none."""

    @field_validator("source")
    @classmethod
    def _can_be_found(cls, value: str) -> str:
        kind, place = split_source(value)
        if kind and not place and (kind != SQL or ":" in value):
            raise ValueError(f"got {value}, expected a place after it, such as {kind}:PATH")
        if meant := nearest(value):
            raise ValueError(f"got {value}, expected a path or a known source; did you mean {meant}?")
        if is_uri(place) and (fault := uri_fault(place)):
            raise ValueError(fault)
        return value

    @field_validator("version")
    @classmethod
    def _is_version(cls, value: str) -> str:
        if value not in ("", "latest") and not (value.isascii() and value.isdigit()):
            try:
                parse_moment(value)
            except ValueError:
                raise ValueError(
                    f'got "{value}", expected a version such as 12, a date such as 2013-06-01, or latest'
                ) from None
        return value


class OwnSpec(Options):
    """Columns that your own function adds."""

    build: str
    """The function, such as `my_pkg.features:add`, in one of `code.modules`. It gets an Arrow table of `columns` and
    returns a table with as many rows, or a mapping of name to values. A row's result must not depend on other rows."""

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns of the data that the function gets."""

    gives: Annotated[Mapping[str, Literal["numeric", "categorical"]], Field(min_length=1)]
    """Columns that the function returns, each `numeric` or `categorical`; `features.columns` may add settings."""


def _set_name(value: str) -> str:
    if value:
        parse_set_name(value)
    return value


_SET_SCHEMA = {"type": "string", "pattern": PATTERN, "examples": ["features/flights-air-time/3"]}
_SET = Annotated[str, AfterValidator(_set_name), WithJsonSchema(_SET_SCHEMA)]
_FROM = """Fitted features of a registered model to take as they are, before the features listed here:
`features/flights-air-time/3` are those of its version 3, and `features/flights-air-time/latest` those of its champion
when the run is planned. They are not fitted again, and none may be a mean of the target. The model must not have seen
rows of the test window. Default: none."""

if TYPE_CHECKING:

    class _Taking(Options): ...
else:  # `from` is a keyword of Python, so that no class body can have a field of that name
    _Taking = create_model("_Taking", __base__=Options, **{"from": (_SET, Field("", description=_FROM))})


class FeaturesSpec(_Taking):
    """What the model may see: allow-lists of columns."""

    numeric: tuple[str, ...] = ()
    """Columns used as numbers, scaled to mean 0 and standard deviation 1. Missing values stay missing for trees; other
    families get the training mean and an extra column that marks them."""

    categorical: tuple[str, ...] = ()
    """Columns used as categories: embedded (or one-hot), with a code for unknown, rare and missing values."""

    datetime: Mapping[str, tuple[DatetimePart, ...]] = {}
    """Columns of times and the parts to use, such as `{time_hour: [weekday, hour-cycle]}`, in UTC. A cycle is a sine
    and a cosine, so that 23 h is next to 0 h."""

    text: tuple[str, ...] = ()
    """Columns of free text: a dense column for each of the most frequent words, unless `features.columns` says
    otherwise."""

    crosses: Mapping[str, Annotated[tuple[str, ...], Field(min_length=2)]] = {}
    """Combinations of columns used as one category under a new name, such as `{route: [origin, dest]}`."""

    own: OwnSpec | None = None
    """Your own function that makes features, such as `{build: my_pkg.features:add, columns: [distance, air_time],
    gives: {speed: numeric}}`. Default: none."""

    columns: Mapping[str, Mapping[str, Any]] = {}
    """Settings for single columns, such as `precip: {transform: log}`; `kind` changes the kind of feature, such as
    `age: {kind: buckets, edges: [18, 65]}`."""

    forbidden: tuple[str, ...] = ()
    """Patterns that no feature's column may match, such as `dep_*` for values known only after the prediction is
    needed."""

    @property
    def taken_from(self) -> str:
        """`from`: the name of the feature set to take; "" for none."""
        return str(getattr(self, "from"))

    def listed(self) -> Iterator[Listed]:
        """Every feature that is fitted here, in the order of the encoded columns."""
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
    """One feature as the template lists it."""

    field: str
    """The field of `features` that lists it, such as "numeric"."""

    name: str
    """Its name: that of its column, or a new one for a cross or an own feature."""

    kind: str
    """The kind it is unless `features.columns` changes it."""

    inputs: tuple[str, ...]
    """The columns of the data that it is made from."""

    item: int | None = None
    """Its index in a field that is a list; None in a mapping."""

    @property
    def path(self) -> str:
        """The dotted path under which problems with it are reported."""
        if self.field == "own":
            return "features.own.columns"
        return f"features.{self.field}" if self.item is not None else f"features.{self.field}.{self.name}"
