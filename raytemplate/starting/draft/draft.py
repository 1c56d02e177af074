"""The contents of a first template, decided from a survey: task, split, features, metrics, model. Plain data."""

import importlib.util
from dataclasses import dataclass, field

from raytemplate.errors import UsageError
from raytemplate.starting.draft.far_days import FarDays, far_days
from raytemplate.starting.draft.labels import labels_of
from raytemplate.starting.draft.leaks import known_after, without_leaks
from raytemplate.starting.draft.learning import METRICS, Learning, learning_of
from raytemplate.starting.draft.trend import has_trend
from raytemplate.starting.draft.windows import LEAST_DAYS, Lengths, last_year, lengths_of
from raytemplate.starting.survey.facts import ColumnFacts
from raytemplate.starting.survey.hints import hints_of
from raytemplate.starting.survey.identity import is_years
from raytemplate.starting.survey.roles import Role, Use, roles_of
from raytemplate.starting.survey.survey import Survey

_MOST_FEATURES = 9_000
_NO_TIME = "no --time was given"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """Everything that was decided for a first template."""

    name: str
    """The template's name."""
    source: str
    """The value of `data.source`."""
    survey: Survey
    """What the files hold."""
    roles: tuple[Role, ...]
    """What becomes of each column."""
    learning: Learning
    """The task and the classes."""
    lengths: Lengths | None
    """Lengths of the windows; None if rows are split by hash."""
    split_why: str
    """Why rows are split by hash, as a comment; "" if there are windows."""
    metrics: tuple[str, ...]
    """The metrics, the deciding one first."""
    model: str
    """The model family."""
    hints: tuple[tuple[str, str], ...] = ()
    """Columns that could be times if they were written differently, and what to do."""
    far: FarDays = field(default_factory=FarDays)
    """Days so far from all others that their rows are dropped."""

    @property
    def times(self) -> tuple[ColumnFacts, ...]:
        """The time columns that features are made from."""
        found = (role.column for role in (*self.of("datetime"), *self.of("time")))
        return tuple(column for column in found if column.parts)

    @property
    def suspicious(self) -> tuple[Role, ...]:
        """The columns that may know the target; nearly always left out for that reason."""
        return tuple(role for role in self.roles if role.suspicious)

    @property
    def not_looked_at(self) -> int:
        """How many columns were not checked for knowing the target, because there were too many."""
        return sum(not role.looked_at for role in self.roles)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Columns that the split must ignore: rows that differ only in them belong on the same side."""
        if self.lengths or self.of("key"):
            return ()
        out = [role for role in self.roles if role.of_a_row or (role.suspicious and role.use == "left out")]
        return tuple(role.column.name for role in out)

    def of(self, use: Use) -> tuple[Role, ...]:
        """The columns of one use."""
        return tuple(role for role in self.roles if role.use == use)

    @property
    def target(self) -> ColumnFacts:
        """The facts about the target."""
        return self.survey.column(self.survey.asked.target)


def draft_of(found: Survey, name: str, source: str) -> Draft:
    """The template for a survey.

    Raises:
        UsageError: there are too few rows, the target cannot be learnt, or there is no useful feature.
    """
    asked, target = found.asked, found.column(found.asked.target)
    learning = learning_of(target, found.writing, asked.data)
    labels = labels_of(found, learning)
    roles = without_leaks(roles_of(found), labels, asked.time)
    far = far_days(found.days)
    labelled = {day: rows for day, rows in found.labelled.items() if day not in far.days}
    newest = max((day for day in found.days if day not in far.days), default=None)
    lengths = lengths_of(labelled, newest, known_after(roles, labels, asked.time))
    if lengths and has_trend(labels, asked.time) and lengths.test.unit == "day":
        lengths = last_year(lengths, labelled)
    draft = Draft(
        name=name,
        source=source,
        survey=found,
        roles=roles,
        learning=learning,
        lengths=lengths,
        split_why=_split_why(found, lengths),
        metrics=METRICS[learning.task],
        model="lightgbm" if importlib.util.find_spec("lightgbm") else "tabular-mlp",
        hints=tuple(hints_of(found, roles)),
        far=far if lengths else FarDays(),
    )
    if not any(
        role.use in ("numeric", "categorical", "text") or role.column.parts for role in roles if role.use != "left out"
    ):
        raise UsageError(_nothing_useful(draft), next_step="give files with more columns, or another --target")
    if len(roles) - len(draft.of("left out")) > _MOST_FEATURES:
        raise UsageError(
            f"{found.asked.data}: {len(roles):,} columns, expected at most {_MOST_FEATURES:,}: a template has at most "
            "10,000 values",
            next_step="give files without the least useful columns",
        )
    return draft


def _nothing_useful(draft: Draft) -> str:
    left = [f"  {role.column.name}: {role.why or role.use}" for role in draft.roles if role.use != "target"]
    shown = left[:20] + ([f"  and {len(left) - 20} more"] if len(left) > 20 else [])
    return "\n".join((f"{draft.survey.asked.data}: no useful feature for {draft.target.name}", *shown))


def _split_why(found: Survey, lengths: Lengths | None) -> str:
    if lengths:
        return ""
    if found.asked.time:
        return (
            f"too few days with rows for windows by {found.asked.time} (at least {LEAST_DAYS}, spread over the files)"
        )
    times = [column.name for column in found.columns if column.type == "time"]
    times += [column.name for column in found.columns if is_years(column)]
    return f"{_NO_TIME}; {times[0]} is one: init --time {times[0]} judges on the newest rows" if times else "no time"
