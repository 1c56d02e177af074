"""What is to be learnt: the task that a target calls for, and the classes that have enough rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from raytemplate.data.options import Task
from raytemplate.data.profile.column import Value
from raytemplate.data.target import MAX_CLASSES, rounding_problem
from raytemplate.errors import UsageError
from raytemplate.starting.survey.facts import ColumnFacts
from raytemplate.starting.survey.writing import Writing

_MOST_WHOLE_CLASSES = 10
_LEAST_ROWS, _LEAST_ROWS_OF_A_CLASS, _ROWS_A_CLASS = 30, 10, 5
_MOST_RARE_CHARS = 1_500
METRICS: Mapping[Task, tuple[str, ...]] = {
    "regression": ("rmse", "mae", "r2"),
    "binary": ("log-loss", "auc", "brier", "accuracy"),
    "multiclass": ("log-loss", "accuracy", "f1"),
}
"""Metrics for a task, the deciding one first."""

_YES = frozenset(("yes", "y", "true", "t", "1", "1.0", "positive", "pos", "ja", "oui", "si", "sí", "sim", "да", "是"))

_NO_ANSWER = frozenset((
    "invalid", "unknown", "error", "n/a", "na", "none", "null", "nan", "test", "undefined", "missing", "not available",
    "not known", "unspecified", "dummy", "tbd", "void", "?", "-", "_", "unk", "not specified",
))  # fmt: skip
_MOST_DOUBTFUL = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Learning:
    """The task, with its reasons as comments."""

    task: Task
    """The kind of task."""
    why: str
    """Why this task."""
    positive: str = ""
    """The value that means yes; "" if the task has none."""
    positive_why: str = ""
    """Why that value."""
    rare: tuple[Value, ...] = ()
    """Classes with so few rows that one window may have some of them and the train window none."""
    doubtful: tuple[Value, ...] = ()
    """Classes of a few per cent of the rows that read like a missing answer."""


def learning_of(target: ColumnFacts, writing: Writing, data: str) -> Learning:
    """The task that a target calls for.

    Args:
        writing: how the files are written.
        data: the files, as the user named them.

    Raises:
        UsageError: there are too few rows, or the target cannot be learnt.
    """
    rows = target.num_rows - target.num_null
    if rows < _LEAST_ROWS:
        raise UsageError(
            f"{data}: {rows:,} rows with a {target.name}, expected at least {_LEAST_ROWS}: train, validation and test "
            "each need some"
        )
    if target.name in writing.dressed and writing.with_point and "," in writing.dressed[target.name]:
        column, value = writing.with_point
        raise UsageError(
            f"--target: column {target.name} has decimal commas, such as {writing.dressed[target.name]}, but column "
            f"{column} has {value}; expected one decimal sign in all columns",
            next_step="write the file again with one decimal sign",
        )
    if target.name in writing.dressed:
        raise UsageError(
            f"--target: column {target.name} has numbers such as {writing.dressed[target.name]}, which are read as "
            "text; expected bare ones",
            next_step="write the file again with numbers such as 1234.5",
        )
    task, why = _task(target)
    if task == "regression":
        return Learning(task=task, why=why)
    counts = dict(target.values or {})
    rare = tuple(value for value, count in counts.items() if count < _LEAST_ROWS_OF_A_CLASS)
    if len(counts) - len(rare) < 2 or len(str(rare)) > _MOST_RARE_CHARS:
        raise UsageError(
            f"--target: {len(rare):,} of the {len(counts):,} values of column {target.name} have fewer than "
            f"{_LEAST_ROWS_OF_A_CLASS} rows: train, validation and test each need some of every class"
        )
    kept = sum(count for value, count in counts.items() if value not in rare)
    if kept < _LEAST_ROWS:
        raise UsageError(
            f"{data}: {kept:,} rows with values of {target.name} that occur in at least {_LEAST_ROWS_OF_A_CLASS} rows, "
            f"expected at least {_LEAST_ROWS}: train, validation and test each need some"
        )
    if rare:
        task, why = _task(replace(target, values={v: count for v, count in counts.items() if v not in rare}))
    positive = _positive({v: count for v, count in counts.items() if v not in rare}) if task == "binary" else ("", "")
    doubtful = tuple(
        value
        for value, count in counts.items()
        if str(value).strip().lower() in _NO_ANSWER and count <= _MOST_DOUBTFUL * kept and value not in rare
    )
    return Learning(task=task, why=why, positive=positive[0], positive_why=positive[1], rare=rare, doubtful=doubtful)


def _task(target: ColumnFacts) -> tuple[Task, str]:
    num_values = len(target.values) if target.values is not None else None
    if target.type in ("time", "other"):
        raise UsageError(f"--target: column {target.name} is a {target.type}, expected a number, text or a boolean")
    if num_values == 1 or (target.min is not None and target.min == target.max):
        raise UsageError(f"--target: column {target.name} has the same value in all rows: nothing to learn")
    if num_values == 2:
        return "binary", "two values"
    if target.type in ("text", "boolean"):
        most = min(MAX_CLASSES, max(2, (target.num_rows - target.num_null) // _ROWS_A_CLASS))
        if num_values is None or num_values > most:
            raise UsageError(
                f"--target: column {target.name} is text with more than {most:,} different values, expected a number, "
                f"or classes of {_ROWS_A_CLASS} rows and more on average"
            )
        return "multiclass", f"{num_values} values of text"
    if num_values is not None and num_values <= _MOST_WHOLE_CLASSES and target.whole:
        return "multiclass", f"{num_values} whole numbers; regression, if they are amounts"
    low, high = target.range or (0.0, 1.0)
    if math.isinf(low) or math.isinf(high):
        raise UsageError(
            f"--target: column {target.name} has infinite values, expected finite numbers",
            next_step="correct them in the data, or leave them empty: init drops rows without a target",
        )
    if problem := rounding_problem(float(low), float(high)):
        raise UsageError(f"--target: column {target.name} {problem[0]}", next_step=problem[1])
    return "regression", "a number"


def _positive(counts: Mapping[Value, int]) -> tuple[str, str]:
    """The value that means yes, else the rarer value; and the reason."""
    texts = {class_text(value): count for value, count in counts.items()}
    yes = [text for text in texts if text.lower() in _YES]
    if len(yes) == 1:
        return yes[0], "the word for yes"
    rarer = min(texts, key=lambda text: (texts[text], text))
    return rarer, "the rarer of the two: choose the other if that is the one you look for"


def class_text(value: Value) -> str:
    """A class as `data.positive` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)
