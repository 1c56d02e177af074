"""What `contract` may promise of columns and rows. Checking a template needs this and no Arrow."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import CoreSchema

from raytemplate.data.options import Share
from raytemplate.options import Options, YesNo
from raytemplate.units import SHARE_SCHEMA, parse_moment, parse_share, show

OnBreach = Literal["fail", "quarantine", "drop", "warn"]

ColumnType = Literal["number", "integer", "text", "boolean", "time"]
Value = str | bool | int | float
_PYTHON = {"text": (str,), "time": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float)}


def _limit(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if float(value) == value else value  # a float would round some numbers above 2^53
    if isinstance(value, float | str):
        return value
    raise ValueError(f"got {show(value)}, expected a number, or a date for a column of time")


Limit = Annotated[int | float | str | None, BeforeValidator(_limit)]


class ColumnContract(Options):
    """What the template promises of one column. Only what is stated is checked."""

    type: ColumnType
    """`number`, `integer`, `text`, `boolean` or `time`; a column of floats is `integer` if every value is whole."""

    nullable: YesNo = True
    """Whether a value may be missing; NaN counts as missing. Default: it may."""

    min: Limit = None
    """Least value allowed: a number, or a date such as `2013-01-01` for a column of times. Default: none."""

    max: Limit = None
    """Greatest value allowed: a number, or a date for a column of times. Default: none."""

    values: Annotated[tuple[Value, ...] | None, Field(min_length=1)] = None
    """The only values allowed besides missing ones, such as `[EWR, JFK, LGA]`. Default: any."""

    regex: str | None = None
    """Regular expression (RE2 syntax) that the whole of each text must match, such as `N[0-9A-Z]+`. Default: any
    text."""

    max_missing: Share | None = None
    """Most of the rows, as a share such as `5 %`, in which the value may be missing. It is about the column as a whole:
    if it is broken, the run fails, unless `on_breach` is `warn`. Default: all of them."""

    unique: YesNo = False
    """Whether no value may occur twice; missing values may. Of rows with the same value the first one breaks nothing.
    Default: values may occur any number of times."""

    on_breach: OnBreach = "fail"
    """What happens to a row that breaks a promise of this column: `fail` ends the run, `quarantine` leaves the row out
    and keeps it in a file of its own, `drop` leaves it out, `warn` only tells. Default: `fail`."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        for name, limit in (("min", self.min), ("max", self.max)):
            if limit is not None:
                self._check_limit(name, limit)
        if self.min is not None and self.max is not None and _order(self.min) > _order(self.max):
            raise ValueError(f"min {show(self.min)} is above max {show(self.max)}: no value would be allowed")
        for value in self.values or ():
            self._check_value(value)
        if self.regex is not None:
            self._check_regex(self.regex)
        if self.max_missing is not None and not self.nullable:
            raise ValueError("max_missing has no effect with nullable: false, which allows no missing value")
        return self

    def _check_regex(self, regex: str) -> None:
        if self.type != "text":
            raise ValueError(f"regex is for a column of text, not of type {self.type}; use min, max or values")
        try:
            re.compile(regex)
        except re.error as error:
            raise ValueError(f"regex: {error.msg}: {show(regex)}") from error

    def _check_limit(self, name: str, limit: float | str) -> None:
        if self.type not in ("number", "integer", "time"):
            raise ValueError(f"{name} is for a column of numbers or times, not of type {self.type}; use values")
        if isinstance(limit, str) != (self.type == "time"):
            expected = 'a date such as "2013-01-01"' if self.type == "time" else "a number"
            raise ValueError(f"{name}: got {show(limit)}, expected {expected} for type {self.type}")
        if isinstance(limit, str):
            parse_moment(limit)

    def _check_value(self, value: Value) -> None:
        if type(value) not in _PYTHON[self.type]:
            raise ValueError(f"values: got {show(value)}, expected values of type {self.type}")
        if self.type == "time":
            parse_moment(str(value))


def _order(limit: float | str) -> float:
    return parse_moment(limit).timestamp() if isinstance(limit, str) else limit


class RowRule(Options):
    """A promise about each row: a condition, written as text, or as `{rule: ..., on_breach: ...}`."""

    rule: Annotated[str, Field(min_length=1)]
    """Condition that no row may contradict, such as `wind_speed <= 120`, in the language of `data.drop`. A row breaks
    it only if it is false: a row in which it is null, because a value is missing, does not."""

    on_breach: OnBreach = "fail"
    """What happens to a row that breaks it: see `contract.columns`. Default: `fail`."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"rule": value}
        if not isinstance(value, Mapping):
            raise ValueError(f'got {show(value)}, expected a condition such as "wind_speed <= 120"')
        return value  # type: ignore[no-any-return]


class KeyRule(Options):
    """A promise that no two rows have the same key: a list of columns, or `{rule: [...], on_breach: ...}`."""

    rule: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns that together identify a row, such as `[time_hour, carrier, flight, origin]`. A row in which one of them
    is missing has no key and breaks nothing."""

    on_breach: OnBreach = "fail"
    """What happens to the rows whose key an earlier row has: see `contract.columns`. The first row of a key stays.
    Default: `fail`."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"rule": tuple(value)}
        if not isinstance(value, Mapping):
            raise ValueError(f"got {show(value)}, expected a list of columns such as [time_hour, flight]")
        found = dict(cast("Mapping[str, Any]", value))
        return {**found, "rule": tuple(found["rule"])} if isinstance(found.get("rule"), list) else found


class _Or:
    """Adds the short form of a model to its JSON Schema."""

    def __init__(self, short: Mapping[str, Any]) -> None:
        self._short = short

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [dict(self._short), handler(schema)]}


RowRuleField = Annotated[RowRule, _Or({"type": "string"})]
"""A condition as text or as a mapping."""

KeyRuleField = Annotated[KeyRule, _Or({"type": "array", "items": {"type": "string"}})]
"""Columns of a key as a list or as a mapping."""


def _most(value: object) -> float | int:
    if isinstance(value, bool) or (isinstance(value, int) and value < 0):
        raise ValueError(f'got {show(value)}, expected a share such as "1 %" or a number of rows, 0 or more')
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().endswith("%"):
        return min(1.0, parse_share(value))
    raise ValueError(f'got {show(value)}, expected a share such as "1 %" or a number of rows')


ShareOrCount = Annotated[
    float | int,
    BeforeValidator(_most),
    PlainSerializer(lambda m: f"{100 * m:g} %" if isinstance(m, float) else m),
    WithJsonSchema({"anyOf": [SHARE_SCHEMA, {"type": "integer", "minimum": 0}]}),
]
"""A share as a float, or a number of rows as an int."""
