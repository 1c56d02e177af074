"""What `contract.columns` may promise of a column. Checking a template needs this and no Arrow."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from raytemplate.options import Options, YesNo
from raytemplate.units import parse_moment, show

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

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        for name, limit in (("min", self.min), ("max", self.max)):
            if limit is not None:
                self._check_limit(name, limit)
        if self.min is not None and self.max is not None and _order(self.min) > _order(self.max):
            raise ValueError(f"min {show(self.min)} is above max {show(self.max)}: no value would be allowed")
        for value in self.values or ():
            self._check_value(value)
        return self

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
