"""Columns that may know the target: each is examined alone, on rows from all over the files, before any training.

A draft leaves such a column out and gives the reason. It cannot detect a column that was written afterwards but tells
little.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.missing import null_where_missing
from raytemplate.evaluation.alone import explained
from raytemplate.starting.draft.groups import Groups
from raytemplate.starting.draft.labels import Labels
from raytemplate.starting.draft.strong import EXPLAINS, explains, nearly_the_same, says_earlier
from raytemplate.starting.draft.sums import parts_of_sum
from raytemplate.starting.survey.facts import ColumnFacts
from raytemplate.starting.survey.roles import Role

pc: Any = pyarrow.compute

_NEAR, _GAP = 10, 3.0
"""Steps between neighbouring targets to compare with on either side of a gap, and how many times wider than the widest
of them the gap must be."""
_PURE, _PURE_EARLIER, _COMMON, _BY_CHANCE = 0.97, 0.998, 0.7, 1e-6
_LEAST_ROWS, _LEAST_OF_CLASS = 20, 0.3
_MOST_RANGES, _LEAST_OF_RANGES, _ROWS_OF_A_RANGE, _OUT_OF_PLACE = 50, 10, 4, 0.05
_LATER = 0.05
_A_DAY = 86_400
_MOST_LOOKED_AT = 1_000
"""Columns that are examined; they take about ten seconds."""
_FEATURES = ("numeric", "categorical", "text", "datetime")


def without_leaks(roles: Sequence[Role], labels: Labels, time: str) -> tuple[Role, ...]:
    """The roles, with columns that may know the target left out.

    Args:
        time: the time column, "" for none.
    """
    if len(labels.values) < _LEAST_ROWS or labels.values.min() == labels.values.max():
        return tuple(replace(role, looked_at=role.use not in _FEATURES) for role in roles)
    groups = Groups(roles, labels, time)
    looked = [
        role
        for role in roles
        if role.use not in ("target", "time") and not role.suspicious and role.column.type != "other"
    ]
    left = {role.column.name for role in looked[_MOST_LOOKED_AT:] if role.use in _FEATURES}
    looked = looked[:_MOST_LOOKED_AT]
    found = _first_of(looked, lambda role: _reasons(role, roles, labels, groups, time))
    alone = _first_of(
        [role for role in looked if role.column.name not in found],
        lambda role: _strong(role, labels, groups, time),
    )
    numeric = [role.column.name for role in roles if role.use == "numeric" and role.column.name not in found | alone]
    found |= dict.fromkeys(parts_of_sum(numeric, labels), f"adds up to {labels.name} with others")
    others = {role.column.name for role in roles if role.use in _FEATURES} - set(found | alone)
    judged = (_judged(role, found, alone, keep=not others) for role in roles)
    return tuple(replace(role, looked_at=role.column.name not in left) for role in judged)


def _first_of(roles: Sequence[Role], reasons: Callable[[Role], Iterator[str]]) -> dict[str, str]:
    """Column -> the first reason that holds, for the columns that have one."""
    return {role.column.name: why for role in roles if (why := next(filter(None, reasons(role)), ""))}


def _judged(role: Role, found: Mapping[str, str], alone: Mapping[str, str], *, keep: bool) -> Role:
    """A role with what was found about it. If no other feature is left, a column that only explains much stays one."""
    name = role.column.name
    if keep and name in alone and role.use in _FEATURES:
        return replace(role, why=f"{alone[name]}; kept, since no other feature is left", suspicious=True)
    why = found.get(name) or alone.get(name, "")
    return replace(role, use="left out", why=_both(role, why), suspicious=True) if why else role


def _both(role: Role, why: str) -> str:
    return f"{role.why}; {why}" if role.of_a_row else why


def _reasons(role: Role, roles: Sequence[Role], labels: Labels, groups: Groups, time: str) -> Iterator[str]:
    """Why a column is left out, the plainest reason first; "" for each reason that does not hold."""
    column, values = role.column, null_where_missing(labels.rows.column(role.column.name))
    if values.null_count == len(values):
        return
    filled = values.is_valid().to_numpy()
    yield _where(labels, filled, "filled only", "missing only")
    if column.type == "time":
        yield from _later(column.name, values, roles, labels, time)
        return
    if role.of_a_row and time:  # in order of time, anything that lasts for a while follows a row number
        return
    yield _mostly_one_value(column, values, labels)
    yield groups.mean_of(column.name)
    if column.type in ("number", "integer"):
        yield groups.later.made_of(column.name, values)


def _strong(role: Role, labels: Labels, groups: Groups, time: str) -> Iterator[str]:
    """The findings that a column tells nearly all of the target, which an honest one may do too; "" if it does not."""
    values = null_where_missing(labels.rows.column(role.column.name))
    if values.null_count == len(values) or role.column.type == "time" or (role.of_a_row and time):
        return
    yield _ranges(values, labels)
    yield explains(role, values, labels, groups)
    yield nearly_the_same(role, values, labels, groups)


def _mostly_one_value(column: ColumnFacts, values: Any, labels: Labels) -> str:
    """The finding that a column with two values, or with numbers and a usual one such as 0, has one of these for only
    one class; else ""."""
    if labels.num_classes != 2:
        return ""
    counts = pc.value_counts(values.drop_null()).to_pylist()
    usual = max(counts, key=lambda one: one["counts"])["values"]
    others = [one["values"] for one in counts if one["values"] != usual]
    if len(others) > 1 and column.type not in ("number", "integer"):
        return ""
    is_usual = pc.fill_null(pc.equal(values, usual), False).to_numpy()
    usual_only, another = f"{usual} only", f"{others[0] if len(others) == 1 else f'other than {usual}'} only"
    if column.unmasked:  # no value of it may be shown
        usual_only, another = "one value only", "other values only"
    pure = _PURE_EARLIER if says_earlier(column.name) else _PURE
    for rows, what in ((~is_usual & values.is_valid().to_numpy(), another), (is_usual, usual_only)):
        if why := _where(labels, rows, what, "", least=_LEAST_OF_CLASS, pure=pure):
            return why
    return ""


def _where(
    labels: Labels, inside: NDArray[np.bool_], yes: str, no: str, *, least: float = 0.0, pure: float = _PURE
) -> str:
    """The finding that nearly all rows inside (or outside) have one uncommon class, beyond chance; else ""."""
    if not labels.num_classes or inside.all() or not inside.any():
        return ""
    for rows, what in ((inside, yes), (~inside, no)):
        counts = np.bincount(labels.values[rows].astype(int), minlength=labels.num_classes)
        top, size = int(counts.argmax()), int(rows.sum())
        everywhere = int((labels.values == top).sum())
        usual = everywhere / len(rows)
        all_of_one = what and size >= _LEAST_ROWS and counts[top] >= pure * size and counts[top] >= least * everywhere
        if all_of_one and usual <= _COMMON and usual**size < _BY_CHANCE:
            return f"{what} where {labels.name} is {labels.classes[top]} ({counts[top]:,} of {size:,} rows)"
    return ""


def _ranges(values: Any, labels: Labels) -> str:
    """The finding that each value of a column is a range of the target, as if that was rounded or graded; else ""."""
    coded = values.combine_chunks().dictionary_encode(null_encoding="encode")
    num_values = len(coded.dictionary)
    if labels.num_classes or not 1 < num_values <= _MOST_RANGES:
        return ""
    # One row for each value of the target, because rows of the same hour share its weather and its day.
    targets, first = np.unique(labels.values, return_index=True)
    ordered = coded.indices.to_numpy()[first]
    if len(ordered) < _ROWS_OF_A_RANGE * num_values or _far_apart(targets, ordered):
        return ""
    rarer = len(ordered) - np.bincount(ordered).max()
    out_of_range = int((ordered[1:] != ordered[:-1]).sum()) - (num_values - 1)
    if rarer < _LEAST_OF_RANGES or out_of_range > _OUT_OF_PLACE * rarer:
        return ""
    return f"each of its {num_values} values is a range of {labels.name}"


def _far_apart(targets: NDArray[np.float64], ordered: NDArray[Any]) -> bool:
    """Whether the targets of most values of a column are separated by gaps. Grades of the target touch each other; a
    target with a few distinct causes has gaps.

    Args:
        targets: float64 [values], ascending.
        ordered: the column's value at each target.
    """
    steps, at_end = np.diff(targets), ordered[1:] != ordered[:-1]
    inside = np.where(at_end, 0.0, steps)
    ends = np.flatnonzero(at_end)
    wide = [steps[end] > _GAP * inside[max(0, end - _NEAR) : end + _NEAR + 1].max() > 0 for end in ends]
    return sum(wide) > len(wide) / 2


def known_after(roles: Sequence[Role], labels: Labels, time: str) -> tuple[int, str]:
    """Days within which a time that was left out as later than its row comes in 95 % of rows, and that column; (0, "")
    for none."""
    found = [(0, "")]
    for name in (role.column.name for role in roles if role.suspicious and role.column.type == "time" and time):
        gap = _seconds(labels.rows.column(name)) - _seconds(labels.rows.column(time))
        found.append((math.ceil(np.nanquantile(gap, 0.95) / _A_DAY), name) if np.isfinite(gap).any() else (0, ""))
    return max(found)


def _later(name: str, values: Any, roles: Sequence[Role], labels: Labels, time: str) -> Iterator[str]:
    """Reasons against a time column: it is after the row's time, or its distance from another time is the target."""
    for other in (role.column.name for role in roles if role.column.type == "time" and role.column.name != name):
        gap = _seconds(values) - _seconds(null_where_missing(labels.rows.column(other)))
        known = np.isfinite(gap)
        if known.sum() < _LEAST_ROWS or np.nanmedian(gap) <= 0:
            continue
        share = explained(_arrow(gap), labels.values, metric=labels.metric, num_classes=labels.num_classes)
        if share >= EXPLAINS:
            yield f"the time since {other} explains {int(100 * share)} % of {labels.name}"
        later = float((gap[known] > 0).mean())
        if other == time and later >= _LATER:
            yield f"later than {time} in {100 * later:.0f} % of rows: not known at that time"


def _arrow(values: NDArray[np.float64]) -> Any:
    """Numbers as an Arrow array; NaN becomes null."""
    return pa.array(values, from_pandas=True)


def _seconds(times: Any) -> NDArray[np.float64]:
    ticks = times.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.float64())
    return pc.fill_null(ticks, np.nan).to_numpy(zero_copy_only=False)
