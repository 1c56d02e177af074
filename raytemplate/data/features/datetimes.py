"""`datetime`: parts of a time, in UTC. Parts with few values become codes; cycles, day of year and year become
numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, as_it_is, family_of
from raytemplate.data.features.options import DatetimeOptions
from raytemplate.data.statistics import TimeProfile
from raytemplate.data.times import is_time

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_SMALL: Mapping[str, tuple[str, int, int]] = {
    "minute": ("minute", 0, 60),
    "hour": ("hour", 0, 24),
    "weekday": ("day_of_week", 0, 7),
    "day": ("day", 1, 31),
    "month": ("month", 1, 12),
    "quarter": ("quarter", 1, 4),
}
_CYCLES: Mapping[str, tuple[str, int, int]] = {
    **{f"{part}-cycle": _SMALL[part] for part in ("minute", "hour", "weekday", "month")},
    "dayofyear-cycle": ("day_of_year", 1, 366),
}
_MAX_YEARS = 8.0


class DatetimeParts:
    """Parts of a time. Codes: 0 missing, then the part's values in order (Monday 1, 00 h 1, January 1).

    `dayofyear` runs from -1 (1 January) to 1 (day 366). `year` is the distance from the last training year, in units of
    the span of training years, clipped to -8..8. A cycle is a sine and a cosine. All of these are 0 for a missing time.
    """

    profiled: Profiled = "time"

    @staticmethod
    def accepts(column: str, kind: Any) -> str:
        """ "time" for timestamps and dates."""
        return family_of(column, kind, {"time": is_time}, "not a timestamp or a date")

    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: TimeProfile, options: DatetimeOptions) -> Mapping[str, Any]:
        """The parts, and the first and last year of the training data."""
        first, last = (moment.year if moment else 1970 for moment in (profile.min, profile.max))
        return {"parts": list(options.parts), "first_year": first, "last_year": last}

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """Columns named `column.part`."""
        parts: list[str] = state["parts"]
        return Outputs(
            dense=tuple(f"{column}.{name}" for part in parts if part not in _SMALL for name in _names(part)),
            codes=tuple((f"{column}.{part}", _SMALL[part][2] + 1) for part in parts if part in _SMALL),
        )

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """Codes int [rows] and numbers float [rows], in the order of the parts."""
        parts: list[str] = state["parts"]
        if pa.types.is_null(column.type):
            column = pc.cast(column, pa.timestamp("us"))
        naive = _naive_utc(column)
        return EncodedColumn(
            dense=tuple(array for part in parts if part not in _SMALL for array in _numbers(naive, part, state)),
            codes=tuple(_code(naive, part) for part in parts if part in _SMALL),
        )


def _naive_utc(column: Any) -> Any:
    """The same times without a zone, so that reading their parts needs no time zone database."""
    kind = column.type
    return column.cast(pa.timestamp("s") if pa.types.is_date32(kind) else pa.timestamp(kind.unit))


def _code(times: Any, part: str) -> npt.NDArray[np.int32]:
    name, lowest, _ = {**_SMALL, **_CYCLES}[part]
    read: Callable[[Any], Any] = getattr(pc, name)
    values = read(times).cast(pa.int32())
    return pc.add(values, pa.scalar(1 - lowest, pa.int32())).fill_null(0).to_numpy()


def _names(part: str) -> tuple[str, ...]:
    return (f"{part}.sin", f"{part}.cos") if part in _CYCLES else (part,)


def _numbers(times: Any, part: str, state: Mapping[str, Any]) -> tuple[npt.NDArray[np.float64], ...]:
    if part in _CYCLES:
        # Sines come from a table, so that a row has the same bits whatever the other rows. Code 0 is a missing time.
        angles = 2 * np.pi * np.arange(_CYCLES[part][2]) / _CYCLES[part][2]
        codes = _code(times, part)
        waves: tuple[npt.NDArray[np.float64], ...] = (np.sin(angles), np.cos(angles))
        return tuple(np.concatenate([np.zeros(1), wave])[codes] for wave in waves)
    if part == "dayofyear":
        day = pc.cast(pc.day_of_year(times), pa.float64()).to_numpy()
        return (np.nan_to_num((day - 183.5) / 182.5, nan=0.0),)
    first, last = int(state["first_year"]), int(state["last_year"])
    year = pc.cast(pc.year(times), pa.float64()).to_numpy()
    return (np.clip(np.nan_to_num((year - last) / max(1, last - first), nan=0.0), -_MAX_YEARS, _MAX_YEARS),)
