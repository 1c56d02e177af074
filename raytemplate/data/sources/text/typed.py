"""Strict conversion of text columns to numbers, booleans and times: a value that does not fit is reported, never read
as something else.

Arrow reads most columns itself, and faster. This code is for what Arrow reads too leniently (formats of dates, 0x1F) or
not at all (blanks around words), and finds the value that it cannot read. Blanks around a value are ignored.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.sources.text.date_formats import Dates, Flags, read_dates
from raytemplate.data.sources.text.missing_words import MISSING_OUTSIDE_TEXT
from raytemplate.data.sources.text.rules import EXACT, TYPES, Rules

pc: Any = pyarrow.compute

_INTEGER, _NUMBER = r"^[-+]?\d+$", r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_INFINITE = r"(?i)^[-+]?inf(inity)?$"
_NAN = r"(?i)^[-+]?nan$"
_MOST_INT = 2**63
_US_PER_DAY = 86_400 * 10**6
_LOOKED_AT, _FEW = 2_048, 0.5
TRUE, FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
ISO_EXAMPLE = "ISO 8601, to the microsecond, such as 2013-01-31T06:00"


class Unfit(Exception):
    """A value that a column cannot hold: its row (from 0), the value, and what was expected."""

    def __init__(self, row: int, value: str, expected: str) -> None:
        super().__init__(row, value, expected)
        self.row, self.value, self.expected = row, value, expected


def typed(column: pa.ChunkedArray, kind: Any, rules: Rules) -> pa.Array:
    """A column of text, converted to an Arrow type; words for missing values become null.

    Raises:
        Unfit: a value does not fit the type; carries the first one.
    """
    if pa.types.is_string(kind):
        return one_array(column)
    texts = without_missing(column, rules)
    if pa.types.is_timestamp(kind):
        return times(texts, rules, zoned=kind.tz is not None)
    return _READERS[str(kind)](texts, rules)


def whole(column: Any, rules: Rules) -> Any:
    """Whole numbers as int64, or as exact decimals if one of them is too large for that.

    Raises:
        Unfit: a value is not a whole number; carries the first one.
    """
    if not pa.types.is_string(column.type):
        return column
    try:
        return typed(column, pa.int64(), rules)
    except Unfit as unfit:
        try:
            return typed(column, TYPES[EXACT], rules)
        except Unfit:
            raise unfit from None


def one_array(column: Any) -> Any:
    """A column as a single array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def without_missing(column: Any, rules: Rules) -> Any:
    """Texts without surrounding blanks, null where they mean a missing value."""
    texts = pc.utf8_trim_whitespace(one_array(column))
    words = pa.array(dict.fromkeys((*MISSING_OUTSIDE_TEXT, *rules.missing)), pa.string())
    return pc.if_else(pc.is_in(texts, value_set=words), pa.scalar(None, pa.string()), texts)


def times(texts: Any, rules: Rules, *, zoned: bool | None) -> pa.Array:
    """Times in ISO 8601 or one of `rules.dates`.

    Args:
        texts: without surrounding blanks; null where a value is missing.
        zoned: whether the values have an offset from UTC; None to go by the first value.

    Raises:
        Unfit: a value is not a time, is read differently by two formats, or differs from the others in having an
            offset.
    """
    column = _Texts(texts)
    there = column.different.is_valid().to_numpy(zero_copy_only=False)
    found, unsure = _joined(column.different, rules.dates)
    told = there & found.fits
    if zoned is None:
        zoned = bool(told.any() and found.zoned[np.flatnonzero(told)[0]])
    column.refuse(there & unsure, lambda text: _two_readings(text, rules))
    column.refuse(there & ~found.fits, lambda _: expected_time(rules))
    which = "an offset such as +01:00" if zoned else "no offset"
    column.refuse(told & (found.zoned != zoned), lambda _: f"a time with {which}, as the others have")
    kind: Any = pa.timestamp("us", "UTC" if zoned else None)
    return column.every(pa.array(found.micros, pa.int64(), mask=~there)).cast(kind)


def expected_time(rules: Rules) -> str:
    """The expected form of a time, in words."""
    return " or ".join((ISO_EXAMPLE, *rules.dates))


class _Texts:
    """A column and, if many rows share their text, its distinct texts, so that each is examined only once."""

    def __init__(self, texts: Any) -> None:
        some = texts.slice(0, _LOOKED_AT)
        coded = texts.dictionary_encode() if len(some.unique()) <= _FEW * len(some) else None
        self.rows, self.different = texts, texts if coded is None else coded.dictionary
        self._indices = None if coded is None else coded.indices

    def every(self, values: Any) -> Any:
        """Spreads the values of the distinct texts over all rows."""
        return values if self._indices is None else values.take(self._indices)

    def refuse(self, wrong: Flags, expected: Callable[[str], str]) -> None:
        """Raises `Unfit` for the first row whose text is wrong, if there is one."""
        if wrong.any():
            rows = pc.fill_null(self.every(pa.array(wrong)), False).to_numpy(zero_copy_only=False)
            row = int(np.flatnonzero(rows)[0])
            text = str(self.rows[row].as_py())
            raise Unfit(row, text, expected(text))


def _joined(texts: Any, formats: tuple[str, ...]) -> tuple[Dates, Flags]:
    """The dates that the formats read together, and where two of them read a text differently."""
    found = read_dates(texts, "")
    unsure = np.zeros(len(texts), np.bool_)
    for form in formats:
        more = read_dates(texts, form)
        unsure |= found.fits & more.fits & (found.micros != more.micros)
        found = Dates(
            micros=np.where(more.fits, more.micros, found.micros),
            fits=found.fits | more.fits,
            zoned=np.where(more.fits, more.zoned, found.zoned),
        )
    return found, unsure


def _two_readings(text: str, rules: Rules) -> str:
    found = {form: read_dates(pa.array([text]), form) for form in ("", *rules.dates)}
    said = {form or "ISO 8601": np.datetime64(int(r.micros[0]), "us").item() for form, r in found.items() if r.fits[0]}
    first, *others = said.items()
    last = next(one for one in others if one[1] != first[1])
    return f"one reading: {first[0]} reads it as {first[1]:%Y-%m-%d}, {last[0]} as {last[1]:%Y-%m-%d}"


def _refuse(texts: Any, wrong: Flags, expected: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise Unfit(row, str(texts[row].as_py()), expected)


def _matched(texts: Any, pattern: str) -> Flags:
    """True where a text matches the pattern or is null."""
    return pc.fill_null(pc.match_substring_regex(texts, pattern), True).to_numpy(zero_copy_only=False)


def _integers(texts: Any, rules: Rules) -> Any:
    fits = _matched(texts, _INTEGER)
    long = np.flatnonzero(fits & (pc.fill_null(pc.utf8_length(texts), 0).to_numpy(zero_copy_only=False) > 18))
    for row in long:
        fits[row] = -_MOST_INT <= int(texts[int(row)].as_py()) < _MOST_INT
    _refuse(texts, ~fits, "int64")
    return pc.replace_substring_regex(texts, r"^\+", "").cast(pa.int64())


def _exactly(texts: Any, rules: Rules) -> Any:
    """Whole numbers of up to 38 digits; a fraction of zeros is ignored, because pandas writes one."""
    _refuse(texts, ~_matched(texts, rf"^[-+]?0*\d{{1,38}}({re.escape(rules.decimal)}0*)?$"), EXACT)
    digits = pc.replace_substring_regex(texts, rf"^\+|{re.escape(rules.decimal)}0*$", "")
    return digits.cast(TYPES[EXACT])


def _numbers(texts: Any, rules: Rules) -> Any:
    plain = texts
    if rules.decimal != ".":
        plain = pc.replace_substring(texts, rules.decimal, ".")
        fits = _matched(plain, _NUMBER) & ~_matched(pc.fill_null(texts, ""), r"\.")
    else:
        fits = _matched(plain, _NUMBER)
    endless = _matched(plain, _INFINITE)
    fits |= endless | _matched(plain, _NAN)
    _refuse(texts, ~fits, "double" if rules.decimal == "." else f"double, written such as 1{rules.decimal}5")
    values = pc.replace_substring_regex(plain, r"^\+", "").cast(pa.float64())
    beyond = pc.fill_null(pc.is_inf(values), False).to_numpy(zero_copy_only=False) & ~endless
    _refuse(texts, beyond, "double, a number up to 1.8e308")
    return values


def _booleans(texts: Any, rules: Rules) -> Any:
    # In a column known to hold booleans 1 and 0 are booleans; in any other they are numbers.
    right, wrong = (pa.array(words) for words in ((*TRUE, "1", *rules.true_values), (*FALSE, "0", *rules.false_values)))
    found = pc.is_in(texts, value_set=right)
    fits = pc.or_(pc.or_(found, pc.is_in(texts, value_set=wrong)), pc.is_null(texts))
    _refuse(texts, ~fits.to_numpy(zero_copy_only=False), "bool")
    return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.bool_()), found)


def _days(texts: Any, rules: Rules) -> Any:
    micros = times(texts, rules, zoned=False)
    timed = pc.fill_null(micros.cast(pa.int64()), 0).to_numpy(zero_copy_only=False) % _US_PER_DAY != 0
    _refuse(texts, timed, "date32[day]")
    return micros.cast(pa.date32())


_READERS: Mapping[str, Callable[[Any, Rules], Any]] = {
    "int64": _integers, "double": _numbers, "bool": _booleans, "date32[day]": _days,
    EXACT: _exactly,
}  # fmt: skip


def first_value(column: Any, rules: Rules) -> str | None:
    """The first text that is not missing, without surrounding blanks."""
    for start in range(0, len(column), _LOOKED_AT):
        texts = without_missing(column.slice(start, _LOOKED_AT), rules).drop_null()
        if len(texts):
            return str(texts[0].as_py())
    return None


def is_time_text(text: str, rules: Rules) -> bool:
    """Whether a text is a time."""
    return bool(_joined(pa.array([text]), rules.dates)[0].fits[0])


def is_number_text(text: str) -> bool:
    """Whether a column with this text may hold numbers."""
    return re.fullmatch(r"[-+]?[\d.,]+([eE][-+]?\d+)?", text) is not None
