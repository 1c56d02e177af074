"""The target: a number, or one of several classes, from a column or, for two classes, from a condition."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.condition_lowering import naming_overflow
from raytemplate.data.condition_text import in_condition
from raytemplate.data.conditions import is_condition, parse_condition, target_columns
from raytemplate.data.exact import written
from raytemplate.data.features.kind import family_of, is_text, is_whole
from raytemplate.data.missing import null_where_missing
from raytemplate.data.options import Task
from raytemplate.data.statistics import CategoryProfile, NumberProfile, plain
from raytemplate.errors import DataError
from raytemplate.units import count

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

MAX_CLASSES = 1_000
"""Most classes of a target; with more it is an identifier or a number."""

TRUE, FALSE = "true", "false"
_MOST_NAMED = 5
_SMALLEST = float(np.finfo(np.float32).smallest_normal)
_LEAST_STEPS = 256
"""Fewest 32-bit floats between the least and the greatest target: with fewer, rounding is about 1 % of a standard
deviation."""


def add_target(table: pa.Table, target: str) -> pa.Table:
    """The table with the target as a column of that name; a condition gives true, false, or null where SQL gives null.

    A target that is a column is already in the table, unless its name is in quotes.
    """
    whole: Any = table
    if not is_condition(target):
        column = target_columns(target)[0]
        return whole if column == target else whole.append_column(target, whole.column(column))
    from pyarrow import acero

    value = parse_condition(target).expression(table.schema, nulls=True)
    source = acero.Declaration("table_source", acero.TableSourceNodeOptions(table))
    project = acero.Declaration("project", acero.ProjectNodeOptions([value], [target]))
    # On one thread, because rows must stay in the order of the table.
    with naming_overflow("data.target", target):
        found: Any = acero.Declaration.from_sequence([source, project]).to_table(use_threads=False)
    return whole.append_column(target, found.column(target).cast(pa.bool_()))


def accepts_classes(column: str, kind: Any) -> str:
    """The family of a type whose values can be classes: "text", "whole number", "boolean" or "number".

    Raises:
        DataError: values of this type cannot be classes.
    """
    families = {
        "text": is_text, "whole number": is_whole, "boolean": pa.types.is_boolean,
        "number": pa.types.is_floating,
    }  # fmt: skip
    return family_of(column, kind, families, "not text, a number or a boolean; it cannot be a class")


def class_texts(column: pa.ChunkedArray) -> Any:
    """The class of each row as text, null where it is missing: 1, 1.0 and "1" are one class."""
    return written(null_where_missing(column))


def positive_of(positive: str, family: str) -> str:
    """The value of a binary target that counts as yes: `data.positive`, else true or 1; "" for text, which has no
    obvious yes.

    Args:
        positive: `data.positive`, "" if the template does not set it.
        family: as `accepts_classes` returns it.
    """
    return positive or {"boolean": TRUE, "whole number": "1", "number": "1"}.get(family, "")


def classes_of(train: CategoryProfile, target: str, task: Task, positive: str) -> tuple[str, ...]:
    """The classes in the order of their index: sorted, numbers by size; of two, the positive one is last.

    Raises:
        DataError: there is no class or only one, there are too many, or they do not fit `data.positive`.
    """
    names = sorted(train.counts, key=_by_size)
    if train.max_undercount or len(names) > MAX_CLASSES:
        raise DataError(
            f"target {target} has more than {MAX_CLASSES:,} different values in the train window: too many for classes",
            next_step="data.task: regression, or another data.target",
        )
    if not names:
        raise DataError(
            f"target {target} is missing in all {train.num_rows:,} rows of the train window: nothing to learn"
        )
    if len(names) == 1:
        raise DataError(
            f'target {target} is "{names[0]}" in all {train.num_rows:,} rows of the train window: nothing to learn'
        )
    if task == "multiclass":
        return tuple(names)
    yes = positive_of(positive, train.type)
    if yes not in names:
        asked = f'the positive value "{yes}"' if yes else "a positive value"
        raise DataError(
            f"target {target} is never {asked} in the train window; it is {_named(names)}",
            next_step=f"data.positive: {names[-1]}",
        )
    if len(names) > 2:
        raise DataError(
            f"target {target} has {len(names):,} values in the train window: {_named(names)}; binary needs two",
            next_step=f"data.task: multiclass, or data.target: {_equals(target, yes, train.type)}",
        )
    return (*(name for name in names if name != yes), yes)


def check_classes(
    profiles: Mapping[str, NumberProfile | CategoryProfile], target: str, classes: tuple[str, ...]
) -> None:
    """Raises unless every row of every window has a class that occurs in the train window.

    Args:
        profiles: the target's profile by window.

    Raises:
        DataError: targets are missing, or a class is not in the train window; names the window and counts the rows.
    """
    for window, found in profiles.items():
        if found.num_null:
            step = " or ".join(f"{in_condition(column)} is null" for column in target_columns(target))
            raise DataError(
                f"target {target} is missing in {found.num_null:,} of {found.num_rows:,} rows of the {window} window",
                next_step=f"data.drop: {step}",
            )
        counts, family = (found.counts, found.type) if isinstance(found, CategoryProfile) else ({}, "")
        new = [name for name in counts if name not in classes]
        if new:
            rows = count(sum(counts[n] for n in new), "row")
            raise DataError(
                f"target {target} is {_named(new)} in {rows} of the {window} window, "
                "and never in the train window, so no model can have learnt it",
                next_step=f"data.drop: {_equals(target, new[0], family)}, or a longer data.windows.train",
            )


def _equals(target: str, value: str, family: str) -> str:
    """The condition that the target's column equals a value, as written in a template."""
    column = in_condition(target_columns(target)[0])
    return f"{column} = " + (f"'{value.replace(chr(39), chr(39) * 2)}'" if family in ("text", "") else value)


def class_index(column: pa.ChunkedArray, classes: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """The index of each row's class, float64 [rows]; NaN if it is none of these."""
    index = pc.index_in(class_texts(column), value_set=pa.array(classes, pa.string()))
    return index.cast(pa.float64()).to_numpy().copy()


def baseline_target(table: pa.Table, target: str, task: Task, positive: str) -> pa.Table:
    """The table with the target in the form that baselines use: for two classes 1.0 for the positive one and 0.0 for
    the other, so that it has a mean; for more classes the class of each row as text.

    It needs no rows of other parts, so that a baseline is fitted in the same pass as everything else.
    """
    if task == "regression":
        return table
    whole: Any = table
    column = whole.column(target)
    found = class_texts(column)
    if task == "binary":
        yes = positive_of(positive, accepts_classes(target, plain(column).type))
        found = pc.equal(found, yes).cast(pa.float64())
    return whole.set_column(whole.column_names.index(target), target, found)


def _by_size(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _named(names: list[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else shown


def check_spread(train: NumberProfile, target: str) -> None:
    """Raises unless the targets of the train window differ, also as the 32-bit floats that models learn from.

    Raises:
        DataError: they are all the same, or so close together for their size that rounding would lose the difference.
    """
    if not train.num_finite:
        return
    if train.min == train.max:
        raise DataError(
            f"target {target} is {train.min:g} in all {train.num_rows:,} rows of the train window: nothing to learn"
        )
    if problem := rounding_problem(train.min, train.max):
        raise DataError(f"target {target} {problem[0]}", next_step=problem[1])


def rounding_problem(low: float, high: float) -> tuple[str, str] | None:
    """What is wrong with numbers from `low` to `high` as 32-bit floats, and what to do; None if they stay distinct.

    A 32-bit float is exact for whole numbers up to 2^24; if both bounds are whole, all the numbers are assumed to be.
    """
    largest = max(abs(low), abs(high))
    step = float(np.spacing(np.float32(largest)))
    exact = low.is_integer() and high.is_integer() and largest <= 2**24
    if exact or high - low >= _LEAST_STEPS * step:
        return None
    found = f"lies between {low:.15g} and {high:.15g}; models learn 32-bit floats, which are {step:.3g} apart there"
    return (
        f"{found} and lose what tells its values apart",
        "write it in a smaller unit"
        if largest < _SMALLEST
        else f"subtract a constant from it in the data, such as {low:.15g}",
    )
