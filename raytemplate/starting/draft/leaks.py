"""Columns that may know the target: each is looked at alone, on rows from all over the files, before any training.

A draft leaves such a column out and says why. What it cannot tell is a column written afterwards that says little.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.evaluation.alone import explained
from raytemplate.starting.draft.answers import Answers
from raytemplate.starting.draft.later_rows import LaterRows
from raytemplate.starting.draft.sums import parts_of_sum
from raytemplate.starting.survey.facts import ColumnFacts
from raytemplate.starting.survey.roles import Role

pc: Any = pyarrow.compute

_EXPLAINS, _FLAG_EXPLAINS, _SAME_EXPLAINS, _KIN_EXPLAINS = 0.93, 0.65, 0.75, 0.5
"""Shares of the loss from which a column is left out: any; one with no more values than the target has classes; numbers
that are taken for the target as they are; one that shares a word with the target's name. `distance`, in miles, explains
0.87 to 0.92 of a flight's minutes in the air."""
_PURE, _COMMON, _BY_CHANCE = 0.97, 0.7, 1e-6
_LEAST_ROWS, _LEAST_OF_CLASS = 20, 0.3
_MOST_RANGES, _LEAST_OF_RANGES, _ROWS_OF_A_RANGE, _OUT_OF_PLACE = 50, 10, 4, 0.05
_LATER, _AS_MEAN = 0.05, 0.02
_MOST_GROUPINGS = 12
_A_DAY = 86_400
_BEFORE = re.compile(r"lag|prev|last|past|before|ago|yesterday|prior", re.IGNORECASE)
_NO_KIN = frozenset(("time", "date", "number", "total", "mean", "count", "rate", "level", "type", "name", "value"))


def without_leaks(roles: Sequence[Role], answers: Answers, time: str) -> tuple[Role, ...]:
    """The roles, with what may know the target left out.

    Args:
        time: the column that says when a row was, "" for none.
    """
    if len(answers.values) < _LEAST_ROWS or answers.values.min() == answers.values.max():
        return tuple(roles)
    groups = _Groups(roles, answers, time)
    found = {
        role.column.name: why
        for role in roles
        if role.use not in ("target", "time") and not role.suspicious and role.column.type != "other"
        if (why := next(filter(None, _reasons(role, roles, answers, groups, time)), ""))
    }
    numeric = [role.column.name for role in roles if role.use == "numeric" and role.column.name not in found]
    found |= dict.fromkeys(parts_of_sum(numeric, answers), f"adds up to {answers.name} with others")
    return tuple(
        replace(r, use="left out", why=_both(r, found[r.column.name]), suspicious=True) if r.column.name in found else r
        for r in roles
    )  # fmt: skip


def _both(role: Role, why: str) -> str:
    return f"{role.why}; {why}" if role.of_a_row else why


def _reasons(role: Role, roles: Sequence[Role], answers: Answers, groups: "_Groups", time: str) -> Iterator[str]:
    """Why a column is left out, the plainest reason first; "" where one does not hold."""
    column, values = role.column, null_where_missing(answers.rows.column(role.column.name))
    if values.null_count == len(values):
        return
    filled = values.is_valid().to_numpy()
    yield _where(answers, filled, "filled only", "missing only")
    if column.type == "time":
        yield from _later(column.name, values, roles, answers, time)
        return
    if role.of_a_row and time:  # in order of time anything that goes on for a while follows its number
        return
    yield _mostly_one_value(column, values, answers)
    yield _ranges(values, answers)
    yield _explains(role, values, answers)
    yield _nearly_the_same(column, values, answers)
    yield groups.mean_of(column.name)
    if column.type in ("number", "integer"):
        yield groups.later.made_of(column.name, values)


def _mostly_one_value(column: ColumnFacts, values: Any, answers: Answers) -> str:
    """That a column of two values, or of numbers with a usual one such as 0, has one of these for one class alone."""
    if answers.num_classes != 2:
        return ""
    counts = pc.value_counts(values.drop_null()).to_pylist()
    usual = max(counts, key=lambda one: one["counts"])["values"]
    others = [one["values"] for one in counts if one["values"] != usual]
    if len(others) > 1 and column.type not in ("number", "integer"):
        return ""
    is_usual = pc.fill_null(pc.equal(values, usual), False).to_numpy()
    another = f"{others[0] if len(others) == 1 else f'other than {usual}'} only"
    return _where(answers, ~is_usual & values.is_valid().to_numpy(), another, "", _LEAST_OF_CLASS) or _where(
        answers, is_usual, f"{usual} only", "", _LEAST_OF_CLASS
    )


def _where(answers: Answers, inside: NDArray[np.bool_], yes: str, no: str, least: float = 0.0) -> str:
    """That nearly all rows inside (or outside) are of one class that few others have, and not by chance; else ""."""
    if not answers.num_classes or inside.all() or not inside.any():
        return ""
    for rows, what in ((inside, yes), (~inside, no)):
        counts = np.bincount(answers.values[rows].astype(int), minlength=answers.num_classes)
        top, size = int(counts.argmax()), int(rows.sum())
        everywhere = int((answers.values == top).sum())
        usual = everywhere / len(rows)
        pure = what and size >= _LEAST_ROWS and counts[top] >= _PURE * size and counts[top] >= least * everywhere
        if pure and usual <= _COMMON and usual**size < _BY_CHANCE:
            return f"{what} where {answers.name} is {answers.classes[top]} ({counts[top]:,} of {size:,} rows)"
    return ""


def _ranges(values: Any, answers: Answers) -> str:
    """That each value of a column is a range of the target, as of one that was rounded or graded; else ""."""
    coded = values.combine_chunks().dictionary_encode(null_encoding="encode")
    num_values = len(coded.dictionary)
    if answers.num_classes or not 1 < num_values <= _MOST_RANGES:
        return ""
    # One row for each value of the target: rows of one hour share its weather, and its day.
    ordered = coded.indices.to_numpy()[np.unique(answers.values, return_index=True)[1]]
    if len(ordered) < _ROWS_OF_A_RANGE * num_values:
        return ""
    rarer = len(ordered) - np.bincount(ordered).max()
    out_of_range = int((ordered[1:] != ordered[:-1]).sum()) - (num_values - 1)
    if rarer < _LEAST_OF_RANGES or out_of_range > _OUT_OF_PLACE * rarer:
        return ""
    return f"each of its {num_values} values is a range of {answers.name}"


def _explains(role: Role, values: Any, answers: Answers) -> str:
    counts = role.column.values
    few = counts is not None and len(counts) <= answers.num_classes
    kin = bool(_words(role.column.name) & _words(answers.name)) and not _BEFORE.search(role.column.name)
    least = _KIN_EXPLAINS if kin else _FLAG_EXPLAINS if few else _EXPLAINS
    rows = answers.some()
    share = explained(
        values.take(pa.array(rows)), answers.values[rows], metric=answers.metric, num_classes=answers.num_classes
    )
    if share < least:
        return ""
    why = ", and shares its name" if kin and share < _EXPLAINS else ""
    return f"alone explains {min(99, int(100 * share)) if share < 1 else 100} % of {answers.name}{why}"


def _nearly_the_same(column: ColumnFacts, values: Any, answers: Answers) -> str:
    """That numbers are the target's but for some noise, in its own unit; else ""."""
    if answers.num_classes or column.type not in ("number", "integer") or _BEFORE.search(column.name):
        return ""
    numbers = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    there = np.isfinite(numbers)
    target = answers.values[there]
    if len(target) < _LEAST_ROWS or not target.std() > 0:
        return ""
    off = float(np.sqrt(np.mean(np.square(numbers[there] / target.std() - target / target.std()))))
    return f"is {answers.name} but for {math.ceil(100 * off)} % of its deviation" if off <= 1 - _SAME_EXPLAINS else ""


def _words(name: str) -> frozenset[str]:
    """Words of a name that say something, as single ones and whole."""
    parts = re.findall(r"[a-z]{4,}", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return frozenset(parts) - _NO_KIN | {name.lower()}


def known_after(roles: Sequence[Role], answers: Answers, time: str) -> tuple[int, str]:
    """Days from a row to what is left out as later than it, in 95 % of rows, and the column; (0, "") for none."""
    found = [(0, "")]
    for name in (role.column.name for role in roles if role.suspicious and role.column.type == "time" and time):
        gap = _seconds(answers.rows.column(name)) - _seconds(answers.rows.column(time))
        found.append((math.ceil(np.nanquantile(gap, 0.95) / _A_DAY), name) if np.isfinite(gap).any() else (0, ""))
    return max(found)


def _later(name: str, values: Any, roles: Sequence[Role], answers: Answers, time: str) -> Iterator[str]:
    """Times after that of the row, and those whose distance from another time is the target."""
    for other in (role.column.name for role in roles if role.column.type == "time" and role.column.name != name):
        gap = _seconds(values) - _seconds(null_where_missing(answers.rows.column(other)))
        known = np.isfinite(gap)
        if known.sum() < _LEAST_ROWS or np.nanmedian(gap) <= 0:
            continue
        share = explained(_arrow(gap), answers.values, metric=answers.metric, num_classes=answers.num_classes)
        if share >= _EXPLAINS:
            yield f"the time since {other} explains {int(100 * share)} % of {answers.name}"
        later = float((gap[known] > 0).mean())
        if other == time and later >= _LATER:
            yield f"later than {time} in {100 * later:.0f} % of rows: not known then"


def _arrow(values: NDArray[np.float64]) -> Any:
    """Numbers as Arrow has them; NaN is missing."""
    return pa.array(values, from_pandas=True)


def _seconds(times: Any) -> NDArray[np.float64]:
    ticks = times.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.float64())
    return pc.fill_null(ticks, np.nan).to_numpy(zero_copy_only=False)


class _Groups:
    """Means of the target by each column that groups the rows: a column that is one of them was made from all rows."""

    def __init__(self, roles: Sequence[Role], answers: Answers, time: str) -> None:
        self._answers = answers
        self.codes: dict[str, NDArray[np.int64]] = {}
        for role in roles:
            if role.use not in ("target", "time", "text") and role.column.type in ("text", "integer", "boolean"):
                codes = self._coded(role.column.name)
                if 2 < codes.max() + 1 <= len(codes) / 2 and len(self.codes) < _MOST_GROUPINGS:
                    self.codes[role.column.name] = codes
        self.later = LaterRows(answers, time, self.codes)

    def _coded(self, name: str) -> NDArray[np.int64]:
        values = null_where_missing(self._answers.rows.column(name)).combine_chunks()
        return values.dictionary_encode(null_encoding="encode").indices.to_numpy().astype(np.int64)

    def mean_of(self, name: str) -> str:
        """By which column the numbers of another one are the mean, or the sum, of the target; else ""."""
        column = null_where_missing(self._answers.rows.column(name))
        if self._answers.num_classes > 2 or not pa.types.is_floating(column.type) or column.null_count:
            return ""
        values, target = column.cast(pa.float64()).to_numpy(), self._answers.values
        if not np.isfinite(values).all():
            return ""
        for group, codes in self.codes.items():
            rows = np.bincount(codes)
            value = np.bincount(codes, weights=values) / rows
            if np.abs(values - value[codes]).max() > 1e-9 * max(1.0, float(np.abs(values).max())):
                continue  # not the same in all rows of a group
            total = np.bincount(codes, weights=target)
            for what, of in (("mean", total / rows), ("sum", total)):
                if of.std() > 0 and np.median(np.abs(value - of)) <= _AS_MEAN * of.std() and len(rows) > 4:
                    return f"the {what} of {self._answers.name} by {group}, over all rows: it knows each of them"
        return ""
