"""How a CSV file is written, inferred from a sample: what `data.csv` must contain, and why."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from raytemplate.data.sources.text.missing_words import MISSING_IN_TEXT, MISSING_WORDS
from raytemplate.data.sources.text.rules import NOT_SHOWN
from raytemplate.errors import UsageError
from raytemplate.starting.survey.dates import NUMBERS, choose, formats_of
from raytemplate.starting.survey.sample import Sample

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?\d+(,\d+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_DRESSED = re.compile(
    r"[-+(]?[$€£¥]?\s?[-+]?([1-9]\d{0,2}(,\d{3})+(\.\d+)?|[1-9]\d{0,2}(\.\d{3})+,\d+|[1-9]\d{0,2}(\.\d{3}){2,}"
    r"|[1-9]\d{0,2}([' \u00a0\u202f]\d{3})+([.,]\d+)?|\d+([.,]\d+)?)\s?[%$€£¥]?\)?"
)
_ZERO_FIRST = re.compile(r"0\d+(E\d+)?", re.IGNORECASE)
_EXPONENT = re.compile(r"\d+E\d+", re.IGNORECASE)
_CODE = re.compile(r"[A-Z]{2,3}")
_MOST_CODES = 300
_MOST_FOR_A_SHARE = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """What is special about a file."""

    csv: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of `data.csv` that differ from their defaults."""
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    """Field of `data.csv` -> why it has its value."""
    as_text: tuple[str, ...] = ()
    """Columns that look like numbers but are codes, such as 01234."""
    dressed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns of numbers with currency, percent or thousands signs, which are read as text -> one of the numbers."""
    with_point: tuple[str, str] | None = None
    """(column, value) of a decimal point, because of which decimal commas in other columns are not read as such."""


def writing_of(
    location: str,
    sample: Sample,
    target: str,
    time: str,
    header: bool | None,
    dates: Sequence[str],
    masked: Collection[str] = (),
) -> Writing:
    """How the file of a sample is written.

    Args:
        target: the column to predict; a first record that contains it is a header.
        time: the time column, "" for none; in it, 20130131 and 2013 are dates too.
        header: whether there is a header; None if the user has not told.
        dates: date formats that the user has given.
        masked: columns of which no value may be shown.

    Raises:
        UsageError: there is no header although one is expected, or dates are ambiguous.
    """
    if header is None:
        _check_header(location, sample, target, shows=not masked)
    if header is False:
        sample = Sample(separator=sample.separator, first=sample.first, records=(sample.first, *sample.records))
    names = [f"column_{n}" if header is False else name or f"column_{n}" for n, name in enumerate(sample.first, 1)]
    columns = {name: sample.column(index) for index, name in enumerate(names)}
    csv: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    if sample.separator != ",":
        csv["separator"] = sample.separator
    if header is False:
        csv["header"], reasons["header"] = (
            False,
            "columns are named column_1, column_2 and so on; columns: renames them",
        )
    comma = _comma_columns(columns) if sample.separator != "," else ()
    point = _with_point(columns) if comma else None
    if point:
        comma = ()
    if comma:
        csv["decimal"], reasons["decimal"] = ",", f"as in {comma[0]}"
    _set_missing(columns, csv, reasons)
    _set_dates(columns, time, dates, csv, reasons, masked)
    return Writing(
        csv=csv,
        reasons=reasons,
        as_text=tuple(name for name, values in columns.items() if _are_codes(values)),
        dressed={
            name: one
            for name, values in columns.items()
            if name not in (*comma, *masked) and (one := dressed_number(values))
        },
        with_point=None if point and point[0] in masked else point,
    )


def _check_header(location: str, sample: Sample, target: str, *, shows: bool) -> None:
    """Stop if the first record looks like all the others and so is no header.

    Args:
        shows: whether the record may be shown.

    Raises:
        UsageError: the first record is no header.
    """
    numbers = [i for i in range(len(sample.first)) if _mostly(_NUMBER, sample.column(i), 0.9)]
    alike = [i for i in numbers if _NUMBER.fullmatch(sample.first[i])]
    if target in sample.first or not numbers or len(alike) < len(numbers):
        return
    shown = f'"{sample.separator.join(sample.first)[:60]}"' if shows else "it"
    raise UsageError(
        f"{location}:1: {shown} looks like data, expected the names of the columns",
        next_step=f"--no-header names the columns column_1 to column_{len(sample.first)}; --header: it is one",
    )


def _comma_columns(columns: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Columns of numbers with a decimal comma, nearly all of them at least."""
    return tuple(
        name
        for name, values in columns.items()
        if _mostly(_COMMA, values, 0.9) and any("," in value and not _THOUSANDS.fullmatch(value) for value in values)
    )


def _with_point(columns: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """(column, value) of the first number with a decimal point; None if there is none."""
    found = ((name, value) for name, values in columns.items() for value in values)
    return next(((name, value) for name, value in found if "." in value and _NUMBER.fullmatch(value)), None)


def _set_missing(columns: Mapping[str, list[str]], csv: dict[str, Any], reasons: dict[str, str]) -> None:
    """Set the words that mean a missing value in a text column, or in a column that otherwise holds numbers."""
    missing: list[str] = []
    for values in columns.values():
        words = dict.fromkeys(values)
        spelt = {word: word.lower() for word in words if word.lower() in MISSING_WORDS}
        rest = [word for word in words if word not in spelt]
        of_numbers = bool(rest) and all(_NUMBER.fullmatch(word) or _COMMA.fullmatch(word) for word in rest)
        known = MISSING_WORDS.keys() if of_numbers or formats_of(rest) else MISSING_IN_TEXT
        missing += [word for word, small in spelt.items() if small in known]
    kept = [name for name, values in columns.items() if _has_code_na(values)]
    found = [word for word in dict.fromkeys(missing) if word != "NA" or not kept]
    if found:
        csv["missing"], reasons["missing"] = ["", *found], "words that mean a missing value in this file"
    if kept:
        reasons["missing"] = (
            f"NA is a value of {', '.join(kept[:3])}: the others there are codes of 2 or 3 capitals, too"
        )
        csv.setdefault("missing", [""])


def _has_code_na(values: list[str]) -> bool:
    """Whether NA occurs among codes such as EU, AS, US: then it is one of them (North America, Namibia, sodium)."""
    if "NA" not in values:
        return False
    others = {word for word in set(values) if word.lower() not in MISSING_WORDS}
    return 2 <= len(others) <= _MOST_CODES and all(_CODE.fullmatch(word) for word in others)


def _set_dates(
    columns: Mapping[str, list[str]],
    time: str,
    asked: Sequence[str],
    csv: dict[str, Any],
    reasons: dict[str, str],
    masked: Collection[str],
) -> None:
    different = {name: dict.fromkeys(values) for name, values in columns.items()}
    dated = {name: [v for v in values if v.lower() not in MISSING_WORDS] for name, values in different.items()}
    found = {name: formats for name, values in dated.items() if (formats := formats_of(values))}
    if numbers := formats_of(dated.get(time, ()), NUMBERS):
        found[time] = numbers
    if found or asked:
        examples = {name: NOT_SHOWN if name in masked else f'such as "{dated[name][0]}"' for name in found}
        csv["dates"] = list(choose(found, examples, asked))
        reasons["dates"] = "as given" if asked else f"as in {', '.join(list(found)[:3])}"


def _are_codes(values: list[str]) -> bool:
    """Whether whole numbers are codes: some begin with a zero, which matters. So it does in codes such as 00001E3."""
    whole = all(value.isdecimal() or _EXPONENT.fullmatch(value) for value in values)
    return bool(values) and whole and any(map(_ZERO_FIRST.fullmatch, values))


def dressed_number(values: list[str]) -> str:
    """One number with a currency, percent or thousands sign, if nearly all values are numbers; else ""."""
    if not _mostly(_DRESSED, values, 0.9):
        return ""
    return next((one for one in values if not _NUMBER.fullmatch(one) and _DRESSED.fullmatch(one)), "")


def _mostly(pattern: re.Pattern[str], values: list[str], share: float) -> bool:
    """Whether at least `share` of the values match, judged on a few thousand spread over them; stops as soon as too
    many do not."""
    some = values[:: len(values) // _MOST_FOR_A_SHARE + 1]
    left = (1 - share) * len(some) + 1e-9
    for value in some:
        if not pattern.fullmatch(value):
            left -= 1
            if left < 0:
                return False
    return bool(some)
