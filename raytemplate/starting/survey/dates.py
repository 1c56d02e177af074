"""Date formats besides ISO 8601, inferred from values; day and month are distinguished by days beyond the twelfth."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from raytemplate.errors import UsageError

_DAYS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y",
    "%m/%d/%y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = ("%Y-%m", "%Y/%m", *(day + clock for day in _DAYS for clock in _CLOCKS))
NUMBERS = ("%Y%m%d", "%Y")
"""Date formats whose values are read as whole numbers unless the column is declared to hold times."""

_MOST_VALUES = 2_000
_LIKELY = re.compile(r"(?=.*\d)(?=.*[ ./-])[A-Za-z\d][A-Za-z\d ,./:-]{5,30}")
_NUMBER = re.compile(r"\d*\.?\d+")
_YEARS = range(1800, 2200)


def formats_of(values: Sequence[str], known: Sequence[str] = FORMATS) -> tuple[str, ...]:
    """The known formats that fit all values; none for ISO 8601 and for values that are not dates."""
    every = list(dict.fromkeys(values))
    some = every[:: len(every) // _MOST_VALUES + 1]  # in a sorted file, the first ones alone would be of one day
    if not some or (known is FORMATS and (not _LIKELY.fullmatch(some[0]) or _NUMBER.fullmatch(some[0]))):
        return ()
    return tuple(form for form in known if all(_is_date(value, form) for value in some))


def choose(found: Mapping[str, tuple[str, ...]], examples: Mapping[str, str], asked: Sequence[str]) -> tuple[str, ...]:
    """The formats of a whole file: one for each date column.

    Args:
        found: column -> the formats that its values fit.
        examples: column -> one of its values, in words.
        asked: formats that the user has given; they take precedence.

    Raises:
        UsageError: a column's days and months cannot be told apart, and no other column settles it.
    """
    certain = {forms[0] for forms in found.values() if len(forms) == 1} | set(asked)
    chosen = list(asked)
    for column, forms in found.items():
        fitting = [form for form in forms if form in certain] or [f for f in forms if _order(f) in map(_order, certain)]
        if len({_order(form) for form in fitting or forms}) > 1:
            raise UsageError(
                f"column {column}: dates {examples[column]} may be day/month or month/day: {' or '.join(forms)}",
                next_step=f'raytemplate init ... --dates "{forms[0]}"',
            )
        chosen.append((fitting or list(forms))[0])
    return tuple(dict.fromkeys(chosen))


def _is_date(value: str, form: str) -> bool:
    try:
        return datetime.strptime(value, form).year in _YEARS
    except ValueError:
        return False


def _order(form: str) -> str:
    """Which of day, month and year comes first: "d", "m" or "Y"."""
    return "m" if form[1] in "bB" else form[1]
