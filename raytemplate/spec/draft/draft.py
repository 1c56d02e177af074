"""What a first template says, decided from a survey: task, split, features, metrics, model. Plain data."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from raytemplate import plugins
from raytemplate.data.options import Task
from raytemplate.data.survey.facts import ColumnFacts, Value
from raytemplate.data.survey.roles import Role, Use, roles_of
from raytemplate.data.survey.survey import Survey
from raytemplate.data.target import MAX_CLASSES
from raytemplate.errors import UsageError
from raytemplate.spec.draft.windows import LEAST_DAYS, Lengths, lengths_of

_MOST_WHOLE_CLASSES = 10
_LEAST_ROWS, _LEAST_ROWS_OF_A_CLASS = 30, 5
_YES = frozenset(("yes", "y", "true", "t", "1", "1.0", "positive", "ja", "oui", "si", "sí", "sim", "да", "是"))
_METRICS = {
    "regression": ("rmse", "mae", "r2"),
    "binary": ("log-loss", "auc", "brier", "accuracy"),
    "multiclass": ("log-loss", "accuracy", "f1"),
}
_NO_TIME = "no --time was given"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A template that was decided on.

    Args:
        source: what `data.source` says.
        task_why, positive_why, split_why: reasons, as comments.
        positive: the value that is yes; "" where the task has none.
        lengths: of the windows; None where rows are split by hash.
        metrics: the deciding one first.
        model: the family.
    """

    name: str
    source: str
    survey: Survey
    roles: tuple[Role, ...]
    task: Task
    task_why: str
    positive: str
    positive_why: str
    lengths: Lengths | None
    split_why: str
    metrics: tuple[str, ...]
    model: str

    def of(self, use: Use) -> tuple[Role, ...]:
        """The columns of one use."""
        return tuple(role for role in self.roles if role.use == use)

    @property
    def target(self) -> ColumnFacts:
        """The facts of the target."""
        return self.survey.column(self.survey.asked.target)


def draft_of(found: Survey, name: str, source: str) -> Draft:
    """The template for a survey.

    Raises:
        UsageError: too few rows, a target that cannot be learnt, or no useful feature.
    """
    roles, target = roles_of(found), found.column(found.asked.target)
    if found.num_rows - target.num_null < _LEAST_ROWS:
        raise UsageError(
            f"{found.asked.data}: {found.num_rows - target.num_null:,} rows with a {target.name}, expected at least "
            f"{_LEAST_ROWS}: train, validation and test each need some"
        )
    if example := found.writing.dressed.get(target.name):
        raise UsageError(
            f"--target: column {target.name} has numbers such as {example}, which are read as text; expected bare ones",
            next_step="write the file again with numbers such as 1234.5",
        )
    task, task_why = _task(target)
    positive, positive_why = _positive(target) if task == "binary" else ("", "")
    lengths = lengths_of(found.days)
    draft = Draft(
        name=name, source=source, survey=found, roles=roles, task=task, task_why=task_why, positive=positive,
        positive_why=positive_why, lengths=lengths, split_why=_split_why(found, lengths), metrics=_metrics(task),
        model="lightgbm" if importlib.util.find_spec("lightgbm") else "tabular-mlp",
    )  # fmt: skip
    if not any(role.use in ("numeric", "categorical") or role.column.parts for role in roles if role.use != "left out"):
        raise UsageError(_nothing_useful(draft), next_step="give files with more columns, or another --target")
    return draft


def _nothing_useful(draft: Draft) -> str:
    left = [f"  {role.column.name}: {role.why or role.use}" for role in draft.roles if role.use != "target"]
    shown = left[:20] + ([f"  and {len(left) - 20} more"] if len(left) > 20 else [])
    return "\n".join((f"{draft.survey.asked.data}: no useful feature for {draft.target.name}", *shown))


def _task(target: ColumnFacts) -> tuple[Task, str]:
    num_values = len(target.values) if target.values is not None else None
    if target.type in ("time", "other"):
        raise UsageError(f"--target: column {target.name} is a {target.type}, expected a number, text or a boolean")
    if num_values == 1 or (target.min is not None and target.min == target.max):
        raise UsageError(f"--target: column {target.name} has the same value in all rows: nothing to learn")
    if num_values == 2 and _metrics("binary", missing_ok=True):
        return "binary", "two values"
    if target.type in ("text", "boolean"):
        most = min(MAX_CLASSES, max(2, (target.num_rows - target.num_null) // _LEAST_ROWS_OF_A_CLASS))
        if num_values is None or num_values > most:
            raise UsageError(
                f"--target: column {target.name} is text with more than {most:,} different values, expected a number, "
                f"or classes of {_LEAST_ROWS_OF_A_CLASS} rows and more on average"
            )
        return ("binary", "two values") if num_values == 2 else ("multiclass", f"{num_values} values of text")
    few = num_values is not None and num_values <= _MOST_WHOLE_CLASSES and target.whole
    if few and _metrics("multiclass", missing_ok=True):
        return "multiclass", f"{num_values} whole numbers; regression, if they are amounts"
    return "regression", "a number" if num_values is None or num_values > 2 else "0 and 1 as numbers: a rate"


def _positive(target: ColumnFacts) -> tuple[str, str]:
    """The word for yes, else the rarer value."""
    counts = dict(target.values or {})
    texts = {_text(value): count for value, count in counts.items()}
    yes = [text for text in texts if text.lower() in _YES]
    if len(yes) == 1:
        return yes[0], "the word for yes"
    rarer = min(texts, key=lambda text: (texts[text], text))
    return rarer, "the rarer of two: choose the other, if that one is what you look for"


def _text(value: Value) -> str:
    """A class as `data.positive` writes it."""
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:.15g}" if isinstance(value, float) else str(value)
    )


def _split_why(found: Survey, lengths: Lengths | None) -> str:
    if lengths:
        return ""
    if found.asked.time:
        return (
            f"too few days with rows for windows by {found.asked.time} (at least {LEAST_DAYS}, spread over the files)"
        )
    times = [column.name for column in found.columns if column.type == "time"]
    return f"{_NO_TIME}; {times[0]} is one: init --time {times[0]} judges on the newest rows" if times else "no time"


def _metrics(task: str, *, missing_ok: bool = False) -> tuple[str, ...]:
    known = plugins.metrics_for(task)
    wanted = tuple(name for name in _METRICS[task] if name in known) or known[:1]
    if not wanted and not missing_ok:
        raise UsageError(f"--target: a {task} target cannot be judged yet: there is no metric for classes")
    return wanted
