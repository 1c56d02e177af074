"""What happens to rows between reading and masking, in the task that reads them: nobody else sees these values.

Contract and `data.drop` apply to the values as they are in the data. Rows that `data.drop` takes out are only marked
here, because they are counted by window later. No error quotes a masked value, not even one of a library.
"""

import traceback
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.data.condition_lowering import naming_overflow
from raytemplate.data.conditions import parse_condition
from raytemplate.data.contract import (
    Breach,
    Broken,
    breach_of,
    broken_columns,
    broken_conditions,
    matching,
    missing_breaches,
)
from raytemplate.data.judged_rows import mark, of_one_file
from raytemplate.data.promises import KeyPromise, Promises
from raytemplate.data.repeated_keys import AT, KEY, key_column, position, repeats
from raytemplate.data.sources.text.rules import NOT_SHOWN
from raytemplate.data.windows import DROPPED
from raytemplate.errors import DataError, RaytemplateError
from raytemplate.records.codec import Settings

_SLICE_BITS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRules:
    """What decides about rows while their values are as they are in the data."""

    drop: str = ""
    """Condition on the rows that `data.drop` takes out; "" for none. They are only marked."""

    contract: Settings = field(default_factory=Settings)
    """Column -> settings of a `ColumnContract`."""

    promises: Promises | None = None
    """Promises of whole rows; with them, rows that break a promise without ending the run are marked."""

    file: int = 0
    """The file's index in the plan, for the positions of rows."""

    start: int = 0
    """Index of the first slice among those of the file, for the positions of rows that have no number."""

    repeated: tuple[NDArray[np.int64], ...] = ()
    """For each key of `promises`, the numbers of the rows of the file whose key an earlier row has; empty until they
    are known. As long as they are not, keys are given in columns of their own."""

    salt: bytes = field(default=b"", repr=False)
    """Makes the hashes of masked columns in a key useless outside of one reading."""

    reports: bool = True
    """Whether breaches are reported; a later pass over the same rows only marks them again."""


def judge_rows(
    table: pa.Table, rules: RowRules, masked: Collection[str], location: str, numbers: Callable[[], NDArray[np.int64]]
) -> tuple[pa.Table, tuple[Breach, ...]]:
    """The rows with columns that mark those to drop and those that break promises, and the breaches that end the run.

    Args:
        masked: columns whose values are not shown.
        location: the file, for breaches.
        numbers: gives the number of each row in its file, from 1, or 0; called only if a row breaks a promise.
    """
    dropped = matched(table, rules.drop) if rules.drop else None
    left: Any = None if dropped is None else pa.array(~dropped)
    kept: Any = table if left is None else table.filter(left)
    found = list(broken_columns(kept, rules.contract))
    found += broken_conditions(kept, rules.promises) if rules.promises else ()
    breaches: list[Breach | None] = []
    if rules.reports:
        number = partial(_number, numbers, dropped)
        breaches += [breach_of(kept, one, location, masked, number) for one in found if one.on_breach == "fail"]
        breaches += missing_breaches(kept, rules.contract)
    if rules.promises and rules.promises.unique:
        table, more = _with_keys(table, rules.promises.unique, rules, masked, numbers)
        found += more if left is None else [replace(one, rows=one.rows.filter(left)) for one in more]
    if rules.promises:
        told = (one if left is None else replace(one, rows=_spread(one.rows, left)) for one in found)
        unknown = lambda: np.zeros(table.num_rows, np.int64)  # noqa: E731
        marked = (one for one in told if one.on_breach != "fail")
        files = partial(of_one_file, location, table.num_rows)
        table = mark(table, marked, files, numbers if rules.reports else unknown)
    if dropped is not None:
        table = table.append_column(DROPPED, pa.array(dropped))
    return table, tuple(one for one in breaches if one is not None)


def _number(numbers: Callable[[], NDArray[np.int64]], dropped: NDArray[np.bool_] | None, index: int) -> int:
    """The number in its file of a row that `data.drop` leaves, by its index among these."""
    found = numbers()
    return int((found if dropped is None else found[~dropped])[index])


def matched(table: pa.Table, text: str) -> NDArray[np.bool_]:
    """True for the rows in which a condition of `data.drop` is true, bool [rows]."""
    condition = parse_condition(text)
    read: Any = table.select(list(condition.columns))
    with naming_overflow("data.drop", text):
        return matching(read, condition.expression(read.schema))


def _with_keys(
    table: pa.Table,
    keys: Sequence[KeyPromise],
    rules: RowRules,
    masked: Collection[str],
    numbers: Callable[[], NDArray[np.int64]],
) -> tuple[pa.Table, list[Broken]]:
    """The rows with their positions and keys; or, once it is known which rows repeat a key, the promises they break."""
    if rules.repeated and not any(len(again) for again in rules.repeated):
        return table, []
    here = numbers()
    if not here.any():  # the source cannot tell them, but a position must not occur twice
        here = (rules.start << _SLICE_BITS) + 1 + np.arange(table.num_rows)
    if rules.repeated:
        pairs = zip(keys, rules.repeated, strict=True)
        return table, [repeats(key, np.isin(here, again)) for key, again in pairs if key.on_breach != "fail"]
    for number, key in enumerate(keys):
        hidden = [name for name in key.columns if name in masked]
        table = table.append_column(f"{KEY}{number}", key_column(table, key.columns, hidden, rules.salt))
    return table.append_column(AT, pa.array(position(rules.file, here))), []


def _spread(rows: Any, left: Any) -> Any:
    """Booleans of the rows that are left, as booleans of all rows."""
    found = np.zeros(len(left), bool)
    found[np.flatnonzero(left.to_numpy(zero_copy_only=False))] = rows.to_numpy()
    return pa.chunked_array([pa.array(found)])


@contextmanager
def quoting_nothing(location: str) -> Generator[None]:
    """Replaces the errors of libraries, whose texts may quote values, by ones that tell only where they arose."""
    try:
        yield
    except (RaytemplateError, OSError, MemoryError):
        raise
    except Exception as error:  # of any library: it is raised again, without its text
        frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.endswith(".py")]
        at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        raise DataError(
            f"{location}: cannot be read or masked: {type(error).__name__}{at}; its text is {NOT_SHOWN}"
        ) from None
