"""Columns that number the rows, identify a row or a person, or weigh the rows: there is nothing to learn from them."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from raytemplate.starting.survey.facts import ColumnFacts

pc: Any = pyarrow.compute

ID_NAME = re.compile(r"(^|[_\W])(id|key|uuid|guid|nr|no|number|index|rownames|rowid)$|^unnamed|[a-z]I[Dd]$", re.I)
_ROW_NAME = re.compile(
    r"^(unnamed.*|index|row_?(id|nr|no|num|number|names?|index)|__index_level_\d+__|column_1|)$", re.I
)
YEARS = range(1800, 2200)
_NEARLY_ALL, _MOSTLY = 0.95, 0.8
_LEAST_REPEATS = 20
_SHAPES = {
    "UUIDs": r"^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$",
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "ids such as {}": r"^[A-Za-z]{1,5}[-_ ]?[0-9]{3,}$",
}
_OF_A_PERSON = re.compile(r"(^|_)((first|last|given|family|middle|maiden)_?names?|surname|forename|vorname|nachname)$")
_MAYBE_OF_A_PERSON = re.compile(r"(^|_)((full|user|customer|client|patient|employee|passenger|student)_?)?name$")
_ONE_WORD = r"^\p{L}[\p{L}.' -]*$"
_FULL_NAME = r"^\p{Lu}[\p{L}.'-]*,?( \(?\"?\p{Lu}[\p{L}.'-]*\"?\)?){1,6}( .*)?$"
_WEIGHT = re.compile(
    r"(^|_)(sample|survey|case|design|person|population|pop|final|frequency)_?(weights?|wgts?|wts?)$"
    r"|^(fnlwgt|p?weights|wgts)$"
)
_MAYBE_WEIGHT = re.compile(r"(^|_)(w|weight|wgt|wt)$")


def numbers_rows(column: ColumnFacts, sample: Any) -> bool:
    """Whether a column of whole numbers counts the rows, over all files or within each of a few.

    Args:
        sample: the column in rows from all over the files, in order.
    """
    if not column.whole or column.num_null or column.range is None or column.num_rows < 2:
        return False
    low, high = column.range
    if low in YEARS and high in YEARS:
        return False
    steps = np.diff(sample.cast(pa.float64(), safe=False).to_numpy())
    usual = float(np.median(steps)) if len(steps) else 0.0
    in_order = usual > 0 and float(np.mean(steps == usual)) >= _NEARLY_ALL
    if high - low + 1 == column.num_rows and column.share_distinct == 1:
        return in_order or bool(_ROW_NAME.search(column.name)) or not ID_NAME.search(column.name)
    # Shorter counts, such as the hours of a day, are measurements.
    return in_order and low in (0, 1) and high < column.num_rows and column.values is None


def drawn_once(column: ColumnFacts, sample: Any) -> bool:
    """Whether whole numbers all differ although random ones from their range would repeat: they were assigned."""
    if column.type != "integer" or column.range is None or column.share_distinct < _NEARLY_ALL:
        return False
    rows, width = len(sample), float(column.range[1]) - float(column.range[0]) + 1
    expected = rows * (rows - 1) / (2 * width)
    return expected >= _LEAST_REPEATS and rows - len(sample.unique()) <= expected / 10


def shape_of_id(sample: Any, *, shows: bool = True) -> str:
    """What kind of ids the values of a text column are, judged by their shape; "" if they are none.

    Args:
        shows: whether a value may be shown.
    """
    for what, pattern in _SHAPES.items():
        if _share(sample, pattern) >= _NEARLY_ALL:
            return what.format(sample[0].as_py()) if shows else "ids"
    return ""


def names_people(column: ColumnFacts, sample: Any) -> bool:
    """Whether a text column holds names of people, judged by its name and the shape of its values."""
    name = _words(column.name)
    if column.type != "text" or len(sample.unique()) < 10:
        return False
    if _OF_A_PERSON.search(name):
        return _share(sample, _ONE_WORD) >= _MOSTLY
    return bool(_MAYBE_OF_A_PERSON.search(name)) and _share(sample, _FULL_NAME) >= _MOSTLY


def weighs_rows(column: ColumnFacts, sample: Any) -> bool:
    """Whether a column tells how many other rows a row represents. A column just called "weight" counts only if its
    mean is 1, as row weights are scaled, because it may be a weight in kilograms."""
    if column.type not in ("number", "integer") or column.range is None or column.range[0] < 0 or column.num_null:
        return False
    name = _words(column.name)
    if _WEIGHT.search(name):
        return True
    mean = float(pc.mean(sample).as_py() or 0)
    return bool(_MAYBE_WEIGHT.search(name)) and not column.whole and abs(mean - 1) < 0.05


def is_years(column: ColumnFacts) -> bool:
    """Whether whole numbers are years, judged by their size and the column's name."""
    if not column.whole or column.range is None or column.range[0] == column.range[1]:
        return False
    return all(limit in YEARS for limit in column.range) and bool(re.search(r"(^|_)year$", _words(column.name)))


def _words(name: str) -> str:
    """A name in lower case, with _ between its words."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")


def _share(sample: Any, pattern: str) -> float:
    if not len(sample):
        return 0.0
    return float(pc.mean(pc.match_substring_regex(sample.slice(0, 5_000), pattern)).as_py() or 0)
