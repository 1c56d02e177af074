"""Date formats such as `%d.%m.%Y`, applied strictly: text that does not match its format exactly is not a date.

A year has as many digits as its directive says (`%Y` four, `%y` two, where 69 to 99 mean the last century), and the day
must exist. Leading zeros of days, months and hours are optional if something separates them from other digits, case
does not matter, and a blank matches any number of blanks, as in Python's `strptime`. Unlike there, a weekday must be
the right one for its date.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

pc: Any = pyarrow.compute

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PARTS: Mapping[str, str] = {
    "Y": r"\d{4}", "y": r"\d\d", "m": r"1[0-2]|0?[1-9]", "d": r"3[01]|[12]\d|0?[1-9]",
    "j": r"36[0-6]|3[0-5]\d|[12]\d\d|0?[1-9]\d|0{0,2}[1-9]", "H": r"2[0-3]|[01]?\d", "I": r"1[0-2]|0?[1-9]",
    "M": r"[0-5]?\d", "S": r"[0-5]?\d", "f": r"\d{1,6}", "p": "[ap]m", "z": r"z|[+-](?:[01]\d|2[0-3]):?[0-5]\d",
    "b": "|".join(name[:3] for name in _MONTHS), "B": "|".join(_MONTHS),
    "a": "|".join(name[:3] for name in _WEEKDAYS), "A": "|".join(_WEEKDAYS), "s": r"-?\d{1,11}",
}  # fmt: skip
_SAME = {"h": "%b", "e": "%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "F": "%Y-%m-%d", "n": " ", "t": " "}
_EPOCH_DAY = np.datetime64("1970-01-01", "D")
_US_PER_S, _US_PER_DAY = 10**6, 86_400 * 10**6
_PIVOT = 69
_ISO_8601 = (
    r"^(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?:[T ](?P<H>[01]\d|2[0-3])(?::(?P<M>[0-5]\d)"
    r"(?::(?P<S>[0-5]\d)(?:[.](?P<f>\d{1,6})0{0,3})?)?)?(?P<z>Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?$"
)
"""ISO 8601 as Arrow reads it: to the microsecond, and with an offset only after a time of day."""

FIRST_US = int(np.datetime64("0001-01-01", "us").astype(np.int64))
LAST_US = int(np.datetime64("9999-12-31T23:59:59.999999", "us").astype(np.int64))

_PROBES = ("2024-01-02", "2024-01-02 03", "2024-01-02 03:04", "2024-01-02T03:04:05", "2024-01-02 03:04:05")

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def format_fault(form: str) -> str:
    """Why a format cannot be used; "" if it can."""
    spelt = _spelt(form)
    if unknown := [name for name in re.findall(r"%(.?)", spelt.replace("%%", "")) if name not in _PARTS]:
        known = " ".join(f"%{name}" for name in (*_PARTS, *_SAME))
        return f'got "{form}": %{unknown[0]} is not known; known are {known}'
    parts = re.findall("%(.)", spelt.replace("%%", ""))
    twice = sorted({name for name in parts if parts.count(name) > 1})
    kinds = ["".join(name for name in parts if name in same) for same in ("Yy", "mbB", "dj", "HI")]
    if twice or any(len(kind) > 1 for kind in kinds):
        return f'got "{form}": it gives the same part of a date twice'
    if "s" not in parts and not kinds[0]:
        return f'got "{form}", expected a format with a year, such as "%d.%m.%Y"'
    if ("I" in parts) != ("p" in parts):
        return f'got "{form}": hours of 1 to 12 need both %I and %p, hours of 0 to 23 only %H'
    return _against_iso(form)


def is_all_digits(form: str) -> bool:
    """Whether values of a format look like whole numbers, such as those of `%Y%m%d`."""
    return set(form[1::2]) <= set("YymdjHMSs") and set(form[::2]) == {"%"} and len(form) % 2 == 0


def _against_iso(form: str) -> str:
    found, right = (read_dates(pa.array(_PROBES), one) for one in (form, ""))
    other = np.flatnonzero(found.fits & (found.micros != right.micros))
    if not len(other):
        return ""
    return f'got "{form}", which reads {_PROBES[other[0]]} differently from ISO 8601, which every file may use'


def _spelt(form: str) -> str:
    return re.sub("%(.)", lambda match: _SAME.get(match[1], match[0]), form)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dates:
    """Texts read in one format."""

    micros: Numbers
    """Microseconds since 1970 in UTC, int64 [texts]; meaningless where the text does not fit."""

    fits: Flags
    """Whether a text fits the format, bool [texts]."""

    zoned: Flags
    """Whether a text states its offset from UTC, bool [texts]."""


def read_dates(texts: pa.Array, form: str) -> Dates:
    """Texts read in a format; "" means ISO 8601."""
    found: Any = pc.extract_regex(texts, pattern=_regex(form))
    matched = found.is_valid().to_numpy(zero_copy_only=False)
    part = {field.name: found.field(field.name).filter(pa.array(matched)) for field in found.type}
    num = int(matched.sum())
    micros, real = _micros(part, num)
    values, fits, zoned = np.zeros(len(texts), np.int64), matched.copy(), np.zeros(len(texts), np.bool_)
    values[matched], fits[matched] = micros, real & (micros >= FIRST_US) & (micros <= LAST_US)
    if "z" in part:
        zoned[matched] = pc.not_equal(part["z"], "").to_numpy(zero_copy_only=False)
    return Dates(micros=values, fits=fits, zoned=zoned)


@lru_cache(maxsize=64)
def _regex(form: str) -> str:
    if not form:
        return _ISO_8601
    items = ["", *re.findall("%.|[^%]", _spelt(form)), ""]
    return f"(?i)^(?:{''.join(map(_pattern, items, items[1:], items[2:]))})$"


def _pattern(before: str, item: str, after: str) -> str:
    if item.isspace():
        return r"\s+"
    if item[:1] != "%" or item == "%%":
        return re.escape(item[:1])
    part = _PARTS[item[1]]
    if _is_number(before) or _is_number(after):  # 2024111 is the first of November, or the eleventh of January
        part = part.replace("0?[", "0[").replace("[01]?", "[01]").replace("[0-5]?", "[0-5]").replace("0{0,2}", "00")
    return f"(?P<{item[1]}>{part})"


def _is_number(item: str) -> bool:
    return item[1:] in tuple("YymdjHIMSfs") if item[:1] == "%" else item.isdecimal()


def _micros(part: Mapping[str, Any], num: int) -> tuple[Numbers, Flags]:
    """Microseconds since 1970, and whether the day exists."""
    if "s" in part:
        return _number(part, "s", num) * _US_PER_S, np.full(num, True)
    days, real = _days(part, num)
    hours = _number(part, "H", num) if "H" in part else _number(part, "I", num, 12) % 12
    if "p" in part:
        hours += 12 * (pc.equal(pc.utf8_lower(part["p"]), "pm").to_numpy(zero_copy_only=False))
    seconds = (hours * 60 + _number(part, "M", num)) * 60 + _number(part, "S", num)
    micros = days * _US_PER_DAY + seconds * _US_PER_S
    if "f" in part:
        micros += _whole(pc.utf8_rpad(part["f"], 6, "0"))
    return micros - _offset_us(part, num), real


def _days(part: Mapping[str, Any], num: int) -> tuple[Numbers, Flags]:
    years = _number(part, "Y", num)
    if "y" in part:
        years = _number(part, "y", num)
        years += np.where(years < _PIVOT, 2000, 1900)
    months = _named(part, "b", _MONTHS) if "b" in part else _named(part, "B", _MONTHS) if "B" in part else None
    months = _number(part, "m", num, 1) if months is None else months + 1
    first = ((years - 1970) * 12 + months - 1).astype("M8[M]")
    days = _first_day(first) + _number(part, "d", num, 1) - 1
    last = _first_day(first + 1)
    if "j" in part:
        first = ((years - 1970) * 12).astype("M8[M]")
        days, last = _first_day(first) + _number(part, "j", num) - 1, _first_day(first + 12)
    real = (years >= 1) & (months >= 1) & (months <= 12) & (days >= _first_day(first)) & (days < last)
    for name in ("a", "A"):
        if name in part:
            real &= _named(part, name, _WEEKDAYS) == (days + 3) % 7
    return days, real


def _first_day(months: NDArray[np.datetime64]) -> Numbers:
    return (months.astype("M8[D]") - _EPOCH_DAY).astype(np.int64)


def _named(part: Mapping[str, Any], name: str, names: tuple[str, ...]) -> Numbers:
    short = pc.utf8_slice_codeunits(pc.utf8_lower(part[name]), 0, 3)
    return _plain(pc.index_in(short, value_set=pa.array([one[:3] for one in names])))


def _number(part: Mapping[str, Any], name: str, num: int, default: int = 0) -> Numbers:
    return _whole(part[name]) if name in part else np.full(num, default, np.int64)


def _whole(digits: Any) -> Numbers:
    """Whole numbers; 0 for a part of ISO 8601 that is left out."""
    return _plain(pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64()))


def _plain(numbers: Any) -> Numbers:
    return numbers.cast(pa.int64()).to_numpy(zero_copy_only=False).copy()


def _offset_us(part: Mapping[str, Any], num: int) -> Numbers:
    if "z" not in part:
        return np.zeros(num, np.int64)
    digits = pc.utf8_rpad(pc.replace_substring_regex(part["z"], "[^0-9]", ""), 4, "0")
    hhmm = _whole(digits)
    signs = np.where(pc.starts_with(part["z"], "-").to_numpy(zero_copy_only=False), -1, 1)
    return signs * (hhmm // 100 * 60 + hhmm % 100) * 60 * _US_PER_S
