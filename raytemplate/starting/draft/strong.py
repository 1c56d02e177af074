"""Columns that tell nearly all of the target by themselves."""

import math
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.evaluation.alone import explained
from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.starting.draft.groups import Groups
from raytemplate.starting.draft.labels import Labels
from raytemplate.starting.survey.roles import Role

pc: Any = pyarrow.compute

EXPLAINS, _FLAG_EXPLAINS, _SAME_EXPLAINS, _KIN_EXPLAINS, _EARLIER_EXPLAINS = 0.97, 0.65, 0.75, 0.5, 0.98
"""Shares of the loss explained from which a column is left out: any column; one with no more values than the target has
classes; numbers used as the prediction unchanged; a column that shares a word with the target's name; an earlier value
of the target. `distance`, in miles, explains 0.87 to 0.92 of a flight's minutes in the air."""
_OF_ITS_ORDER = 0.5
"""Share of what the order of the rows leaves unexplained that a column rising or falling with it may leave at most, to
count as telling more than the order."""
_LEAST_ROWS = 20
_EARLIER = re.compile(
    r"lag(s|ged)?|prev(ious)?|last|past|before|ago|yesterday|prior|earlier|former|trailing|roll(ed|ing)?|moving|ewma?"
)
_NO_KIN = frozenset(("time", "date", "number", "total", "mean", "count", "rate", "level", "type", "name", "value"))


def explains(role: Role, values: Any, labels: Labels, groups: Groups) -> str:
    """How much of the target a column explains, if that is too much for a column known in advance; else ""."""
    column, counts = role.column, role.column.values
    few = counts is not None and len(counts) <= labels.num_classes
    kin = bool(_words(column.name) & _words(labels.name))
    least = _KIN_EXPLAINS if kin else _FLAG_EXPLAINS if few else EXPLAINS
    number = column.type in ("number", "integer")
    share = _explained(groups.in_blocks(values) if number else values, labels)
    if share < least or (says_earlier(column.name) and share < _EARLIER_EXPLAINS):
        return ""
    if number and share < _EARLIER_EXPLAINS and groups.later.is_earlier(column.name, values):
        return ""
    if number and (order := groups.later.running(column.name, values)) is not None:
        of_order = _explained(pa.chunked_array([pa.array(order)]), labels)
        if 1 - share > _OF_ITS_ORDER * (1 - of_order):
            return ""
    why = ", and shares its name" if kin and share < EXPLAINS else ""
    return f"alone explains {min(99, int(100 * share)) if share < 1 else 100} % of {labels.name}{why}"


def _explained(values: Any, labels: Labels) -> float:
    rows = labels.some()
    return explained(
        values.take(pa.array(rows)), labels.values[rows], metric=labels.metric, num_classes=labels.num_classes
    )


def nearly_the_same(role: Role, values: Any, labels: Labels, groups: Groups) -> str:
    """The finding that a column is the target plus some noise, in the same unit; else ""."""
    column = role.column
    if labels.num_classes or column.type not in ("number", "integer") or says_earlier(column.name):
        return ""
    numbers = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
    off = _off(numbers, labels.values)
    if off > 1 - _SAME_EXPLAINS or groups.later.is_earlier(column.name, values):
        return ""
    return f"is {labels.name} to within {math.ceil(100 * off)} % of its deviation"


def _off(numbers: Floats, target: Floats) -> float:
    """The root mean square distance of numbers from the target, as a share of the target's standard deviation."""
    there = np.isfinite(numbers)
    numbers, target = numbers[there], target[there]
    if len(target) < _LEAST_ROWS or not target.std() > 0:
        return math.inf
    return float(np.sqrt(np.mean(np.square(numbers / target.std() - target / target.std()))))


def says_earlier(name: str) -> bool:
    """Whether a column's name tells that its value is from an earlier row, such as `sales_lag_7`."""
    return any(_EARLIER.fullmatch(word) for word in re.findall(r"[a-z]+", _in_words(name)))


def _words(name: str) -> frozenset[str]:
    """The telling words of a name, and the whole name."""
    return frozenset(re.findall(r"[a-z]{4,}", _in_words(name))) - _NO_KIN | {name.lower()}


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
