"""What each column can be used for: a feature of some kind, a key, or nothing, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.missing import null_where_missing
from raytemplate.data.reserved import is_internal, is_written
from raytemplate.starting.survey.facts import ColumnFacts
from raytemplate.starting.survey.identity import (
    ID_NAME,
    drawn_once,
    names_people,
    numbers_rows,
    shape_of_id,
    weighs_rows,
)
from raytemplate.starting.survey.survey import Survey
from raytemplate.starting.survey.twice import said_twice
from raytemplate.starting.survey.writing import dressed_number

pc: Any = pyarrow.compute

Use = Literal["target", "time", "numeric", "categorical", "datetime", "text", "key", "left out"]
_UNIQUE = 0.95
_MOSTLY_UNIQUE = 0.5
_RARELY_AGAIN = 0.2
_FEW = 20
_WORDS_OF_PROSE = 3.0
_MOST_ROWS_OF_PROSE = 200_000
_COPY = 0.99999
_LARGEST_MEASURE = 2**53


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """What becomes of a column."""

    column: ColumnFacts
    """The facts about it."""
    use: Use
    """What it is used for."""
    why: str = ""
    """Why, in a few words; "" if it is obvious."""
    suspicious: bool = False
    """Whether it may hold something that is known only once the target is known."""
    of_a_row: bool = False
    """Whether it distinguishes otherwise equal rows, so that the split must ignore it."""
    looked_at: bool = True
    """Whether it was examined; False if there were too many columns."""


def roles_of(found: Survey) -> tuple[Role, ...]:
    """One role for each column, in the order of the columns."""
    roles = tuple(_role(column, found) for column in found.columns)
    kept = [role.column for role in roles if role.use not in ("target", "left out", "text")]
    twice = said_twice(kept, found.sample, found.asked.time)
    return tuple(
        replace(role, use="left out", why=twice[role.column.name]) if role.column.name in twice else role
        for role in roles
    )


def _role(column: ColumnFacts, found: Survey) -> Role:
    if column.name == found.asked.target:
        return Role(column=column, use="target")
    if column.name == found.asked.time:
        return Role(column=column, use="time")
    if reason := next(_reasons_against(column), "") or _restates_time(column, found):
        return Role(column=column, use="left out", why=reason)
    if reason := _copy(column, found):
        return Role(column=column, use="left out", why=reason, suspicious=True)
    sample: Any = null_where_missing(found.sample.column(column.name)).drop_null()
    if numbers_rows(column, sample):
        return Role(column=column, use="left out", why="numbers the rows", of_a_row=True)
    if names_people(column, sample):
        return Role(column=column, use="left out", why="names of people", of_a_row=column.share_distinct >= _UNIQUE)
    if weighs_rows(column, sample):
        return Role(column=column, use="left out", why="by its name, how many other rows a row represents")
    if column.type == "text" and column.words >= _WORDS_OF_PROSE and column.share_distinct > _MOSTLY_UNIQUE:
        if found.num_rows <= _MOST_ROWS_OF_PROSE:
            return Role(column=column, use="text")
        return Role(
            column=column, use="left out", why="free text, 1 kB a row: list it under features.text if that fits"
        )
    if not column.unmasked and (dressed := found.writing.dressed.get(column.name) or _dressed(column, found)):
        why = f"numbers such as {dressed}, which are read as text: write them bare"
        return Role(column=column, use="left out", why=why)
    is_key = _is_key(column, sample)
    if is_key and is_written(column.name, "multiclass"):
        return Role(
            column=column, use="left out", why="would be a key, but predict writes a column of that name: rename it"
        )
    if is_key:
        return Role(column=column, use="key", why="another value in nearly every row")
    code = _is_code(column)
    if reason := _rarely_again(column, sample, code):
        return Role(column=column, use="left out", why=reason, of_a_row=column.share_distinct >= _UNIQUE)
    if code:
        return Role(column=column, use="categorical", why="numbers too large to be measurements: codes")
    if column.type == "time" and not column.parts:
        return Role(column=column, use="left out", why="times of which no part recurs")
    kinds: dict[str, Use] = {"number": "numeric", "integer": "numeric", "time": "datetime"}
    return Role(column=column, use=kinds.get(column.type, "categorical"))


def _reasons_against(column: ColumnFacts) -> Iterator[str]:
    if is_internal(column.name):
        yield "a name that runs use themselves: rename it"
    if column.type == "other":
        yield "a type that no feature can be made from"
    if column.num_null == column.num_rows:
        yield "no values"
    if (column.values is not None and len(column.values) == 1) or (column.min is not None and column.min == column.max):
        yield "the same value in all rows" if not column.num_null else "only one value, otherwise missing"


def _is_key(column: ColumnFacts, sample: Any) -> bool:
    """Whether a column is a key: texts that nearly all differ, or such whole numbers with the name or look of ids."""
    if column.type not in ("text", "integer") or column.share_distinct < _UNIQUE or column.num_null:
        return False
    if column.type == "text":
        return column.num_rows > 20
    return _is_code(column) or bool(ID_NAME.search(column.name)) or drawn_once(column, sample)


def _rarely_again(column: ColumnFacts, sample: Any, code: bool) -> str:
    """Why values tell nothing about the next row, because nearly all of them differ; else ""."""
    if (
        column.type == "text"
        and column.share_distinct > _RARELY_AGAIN
        and (shape := shape_of_id(sample, shows=not column.unmasked))
    ):
        return f"{shape}: {_different(sample)}"
    some = column.values is not None
    if (column.type == "text" or (code and not some)) and column.share_distinct > _MOSTLY_UNIQUE and len(sample) > _FEW:
        what = "numbers too large to be measurements" if code else "text"
        return f"{what}, of which more than half is seen only once"
    return f"ids: {_different(sample)}" if drawn_once(column, sample) else ""


def _different(sample: Any) -> str:
    return f"{len(sample.unique()):,} different values in {len(sample):,} rows"


def _is_code(column: ColumnFacts) -> bool:
    """Whether one of the whole numbers is too large for a float: they are then no counts or measurements, but names."""
    return column.type == "integer" and max(map(abs, column.range or (0,))) > _LARGEST_MEASURE


def _copy(column: ColumnFacts, found: Survey) -> str:
    """Why a column is the target under another name, or ""."""
    target = found.column(found.asked.target)
    one, other = (null_where_missing(found.labelled_rows.column(name)) for name in (column.name, target.name))
    both: Any = pc.and_(one.is_valid(), other.is_valid())
    one, other = one.filter(both), other.filter(both)
    if len(one) < 20:
        return ""
    if column.type in ("number", "integer") and target.type in ("number", "integer") and _is_line(one, other):
        return f"goes with {target.name} in a straight line: a copy of it"
    few = column.values is not None and target.values is not None and 1 < len(target.values) <= len(one) / 4
    if few and _is_one_to_one(one, other):
        return f"tells {target.name} in every row: a copy of it"
    return ""


def _restates_time(column: ColumnFacts, found: Survey) -> str:
    """Why a column taken from folder names, such as a month, tells no more than the time does, or ""."""
    time = found.asked.time
    if not time or column.name not in found.source.partitions:
        return ""
    spans = found.sample.select([column.name, time]).drop_null().group_by(column.name)
    spans = spans.aggregate([(time, "min"), (time, "max")]).sort_by(f"{time}_min")
    ends, starts = spans.column(f"{time}_max").to_pylist()[:-1], spans.column(f"{time}_min").to_pylist()[1:]
    if any(end >= start for end, start in zip(ends, starts, strict=True)):
        return ""
    return f"follows from {time}: each new period would be an unseen value"


def _dressed(column: ColumnFacts, found: Survey) -> str:
    """One of the numbers that a text column holds with currency, percent or thousands signs, or ""."""
    if column.type != "text" or not column.num_rows - column.num_null:
        return ""
    there: Any = null_where_missing(found.sample.column(column.name)).drop_null()
    return dressed_number([str(value) for value in there.slice(0, 1000).to_pylist()])


def _is_line(one: Any, other: Any) -> bool:
    a, b = (x.cast(pa.float64(), safe=False).to_numpy() for x in (one, other))
    finite = np.isfinite(a) & np.isfinite(b)
    if finite.sum() < 20:
        return False
    a, b = (x[finite] / (np.abs(x[finite]).max() or 1.0) for x in (a, b))  # the square of 1e300 is infinite
    if a.std() == 0 or b.std() == 0:
        return False
    with np.errstate(all="ignore"):
        return bool(abs(np.corrcoef(a, b)[0, 1]) > _COPY)


def _is_one_to_one(one: Any, other: Any) -> bool:
    """Whether each value of one column goes with exactly one value of the other, and vice versa."""
    pairs = pa.table({"one": one, "other": other}).group_by(["one", "other"]).aggregate([])
    return pairs.num_rows == len(one.unique()) == len(other.unique())
