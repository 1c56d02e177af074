"""Columns that mean times to a person, but are read as numbers or text."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.compute

from raytemplate.data.missing import null_where_missing
from raytemplate.starting.survey.facts import ColumnFacts
from raytemplate.starting.survey.roles import Role
from raytemplate.starting.survey.survey import Survey

pc: Any = pyarrow.compute

_EPOCHS = {"seconds": 1e9, "milliseconds": 1e12}
"""Least count since 1970 that is taken for a time: it is in 2001, and twice as much, the upper limit, is in 2033."""
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"
_NEARLY_ALL = 0.9
_MOST_SHOWN = 30


def hints_of(found: Survey, roles: Sequence[Role]) -> Iterator[tuple[str, str]]:
    """Columns that could be times if they were written as dates, and what to do."""
    for role in roles:
        column = role.column
        if column.unmasked:
            continue
        if role.use == "numeric" and (unit := _counted_in(column)):
            yield column.name, f"looks like {unit} since 1970, used as a number: to use it as a time, write it as dates"
        if role.use != "target" and column.type == "text" and (date := _nearly_all_dates(column, found)):
            yield column.name, f"dates{date}, read as text: correct those"


def _counted_in(column: ColumnFacts) -> str:
    if not column.whole or column.range is None:
        return ""
    low, high = column.range
    return next((unit for unit, least in _EPOCHS.items() if least <= low and high <= 2 * least), "")


def _nearly_all_dates(column: ColumnFacts, found: Survey) -> str:
    """ " except values such as X" if nearly all rows of a sample have an ISO date, else ""."""
    texts = null_where_missing(found.sample.column(column.name)).drop_null()
    are: Any = pc.match_substring_regex(texts, _ISO)
    if not len(texts) or float(pc.mean(are).as_py()) < _NEARLY_ALL:
        return ""
    others = texts.filter(pc.invert(are))
    shown = str(others[0].as_py()) if len(others) else ""
    return f' except values such as "{shown[:_MOST_SHOWN]}"' if shown else " except a few values"
