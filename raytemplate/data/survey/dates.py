"""Formats of dates besides ISO 8601, found out from values; day and month are told apart by days beyond the twelfth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from raytemplate.errors import UsageError

_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d")
_CLOCKS = ("", " %H:%M", " %H:%M:%S")
FORMATS = tuple(day + clock for day in _DAYS for clock in _CLOCKS)
_MOST_VALUES = 2_000


def formats_of(values: Sequence[str]) -> tuple[str, ...]:
    """Every known format in which each of the values is a date; none for ISO 8601 and for what is no date."""
    some = list(dict.fromkeys(values))[:_MOST_VALUES]
    if not some or not all(any(mark in value for mark in "./-") and value[0].isdigit() for value in some):
        return ()
    return tuple(form for form in FORMATS if all(_is_date(value, form) for value in some))


def choose(found: Mapping[str, tuple[str, ...]], examples: Mapping[str, str], asked: Sequence[str]) -> tuple[str, ...]:
    """The formats of a whole file: one for each column of dates.

    Args:
        found: column -> the formats that its values fit.
        examples: column -> one of its values.
        asked: formats that a person has given; they decide.

    Raises:
        UsageError: a column's days and months cannot be told apart, and no other column says which is which.
    """
    certain = {forms[0] for forms in found.values() if len(forms) == 1} | set(asked)
    chosen = list(asked)
    for column, forms in found.items():
        fitting = [form for form in forms if form in certain] or [f for f in forms if _order(f) in map(_order, certain)]
        if len(forms) > 1 and len({_order(form) for form in fitting}) != 1:
            raise UsageError(
                f'column {column}: dates such as "{examples[column]}" may be day/month or month/day: '
                f"{' or '.join(forms)}",
                next_step=f'raytemplate init ... --dates "{forms[0]}"',
            )
        chosen.append((fitting or list(forms))[0])
    return tuple(dict.fromkeys(chosen))


def _is_date(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)
    except ValueError:
        return False
    return True


def _order(form: str) -> str:
    """Which of day, month and year comes first: "d", "m" or "Y"."""
    return form[1]
