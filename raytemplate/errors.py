"""Every error a user can see, each with its exit code. Exit codes are defined here and nowhere else."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from raytemplate.redact import redact

EXIT_DONE = 0
EXIT_NOT_PROMOTED = 5
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

Trouble = Literal["code", "data", "infrastructure", "budget", "policy"]
"""Who can resolve an error: the author of the code or template, the owner of the data, the operator of the machines,
the payer of the budget, or the person who decides."""
Retry = Literal["as it is", "after a change"]
"""Whether the same command may succeed later, or something must be changed first."""


class RaytemplateError(Exception):
    """An error for the user to read: what happened, and what to do next.

    Args:
        what: one or more lines: where, what was found, what was expected.
        next_step: the exact command or edit to continue with, if there is one.
    """

    exit_code: ClassVar[int] = 1
    trouble: ClassVar[Trouble] = "code"
    retry: ClassVar[Retry] = "after a change"

    def __init__(self, what: str, *, next_step: str = "") -> None:
        # Redacted from the start, because errors are shown, recorded and passed on.
        self.what, self.next_step = redact(what), redact(next_step)
        super().__init__(self.what)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between processes with all attributes; the default would call the class with `args` alone.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[RaytemplateError], args: tuple[object, ...], state: dict[str, object]) -> RaytemplateError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class Bug(RaytemplateError):
    """A defect in raytemplate itself, or in the package of a plug-in."""

    def __init__(self, trace: str, package: str = "raytemplate") -> None:
        super().__init__(trace, next_step=f"This is a bug in {package}. Please report the lines above.")


class UsageError(RaytemplateError):
    """Arguments that cannot be used: no such file, no such model, a folder that cannot be written."""

    exit_code = 2


class WorkedOn(UsageError):
    """Another process works on the run."""

    retry = "as it is"


class DataError(RaytemplateError):
    """Data that cannot be used: unreadable, a schema that differs between files, a window without rows."""

    exit_code = 2
    trouble = "data"


class FieldError(DataError):
    """A field of the template that does not fit the data, such as a version that a table never had.

    Args:
        field: dotted path of the field.
        message: what was found and what was expected.
    """

    def __init__(self, field: str, message: str, *, next_step: str = "") -> None:
        super().__init__(f"{field}: {message}", next_step=next_step)
        self.field, self.message = field, redact(message)


class PlanError(RaytemplateError):
    """A plan that cannot run: names what was asked for, what exists and what to change."""

    exit_code = 3
    trouble = "infrastructure"


class BudgetSpent(RaytemplateError):
    """The budget ended before there was a candidate."""

    exit_code = 4
    trouble = "budget"


class WaitingForPromoter(RaytemplateError):
    """In team mode: what was asked for is written down and signed, and the team's promoter has to answer."""

    exit_code = EXIT_NOT_PROMOTED
    trouble = "policy"
    retry = "as it is"


class ChampionMoved(RaytemplateError):
    """The champion is no longer the one that the candidate was compared with."""

    exit_code = 6
    trouble = "policy"
    retry = "as it is"


class Refused(RaytemplateError):
    """Governance does not allow what a person asks for."""

    exit_code = EXIT_NOT_PROMOTED
    trouble = "policy"


class IntegrityError(RaytemplateError):
    """Bytes that do not match their recorded digest."""

    exit_code = 7
    trouble = "data"


class Forbidden(RaytemplateError):
    """Access is denied: an outside service misses a token or refuses it, or a key may not sign this."""

    exit_code = 7
    trouble = "policy"


class Unavailable(RaytemplateError):
    """Something outside raytemplate is unavailable: Ray, MLflow, storage, a full disk."""

    exit_code = 8
    trouble = "infrastructure"
    retry = "as it is"


class EngineError(Unavailable):
    """Ray or MLflow failed. Names the stage and keeps the engine's own words."""

    def __init__(self, stage: str, what: str, *, next_step: str = "") -> None:
        super().__init__(f"{stage}: {what}", next_step=next_step)


class OutOfMemory(Unavailable):
    """A process, a GPU or Ray's object store ran out of memory: the same command would fail again."""

    retry = "after a change"


class OwnCodeFailed(RaytemplateError):
    """The user's own code raised an error: names its file and line."""

    exit_code = 9


class TrainingFailed(RaytemplateError):
    """The training loop failed, or its loss became NaN or infinite."""

    exit_code = 9


class PromiseBroken(RaytemplateError):
    """A run that left behind less than its template promises."""

    exit_code = 9
    trouble = "policy"


class Interrupted(RaytemplateError):
    """The user pressed Ctrl-C, or the process was told to end."""

    exit_code = EXIT_INTERRUPTED
    trouble = "infrastructure"
    retry = "as it is"

    def __init__(self, what: str = "interrupted", *, next_step: str = "", terminated: bool = False) -> None:
        super().__init__(what, next_step=next_step)
        self.terminated = terminated

    @property
    def code(self) -> int:
        """130 or 143."""
        return EXIT_TERMINATED if self.terminated else EXIT_INTERRUPTED


class Diverged(TrainingFailed):
    """The loss or the metric became NaN or infinite."""


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM). Not an `Exception`, so libraries that catch all of those let it pass."""


def was_terminated(error: BaseException) -> bool:
    """Whether the work was stopped by SIGTERM, not by Ctrl-C."""
    return isinstance(error, Terminated) or (isinstance(error, Interrupted) and error.terminated)


def in_words(error: BaseException) -> str:
    """A foreign error with its type: `KeyError: 'x'`, since the text alone says too little."""
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """One problem with a template."""

    where: str
    """ "FILE:LINE" or the layer that set the value ("--set training.epochs=ten")."""

    path: str
    """Dotted path of the value; "" if the problem concerns no single one."""

    message: str

    def __str__(self) -> str:
        return f"{self.where}  {self.path}: {self.message}" if self.path else f"{self.where}  {self.message}"


@dataclass(frozen=True, slots=True)
class Problems:
    """Problems in the order of the file, ready to print."""

    items: tuple[Problem, ...] = field(default=())

    def __str__(self) -> str:
        width = max((len(p.where) for p in self.items), default=0)
        lines = [f"{p.where:<{width}}  {p.path + ': ' if p.path else ''}{p.message}" for p in self.items]
        count = len(self.items)
        lines.append(f"{count} problem{'s' if count != 1 else ''}; nothing was started.")
        return "\n".join(lines)


class SpecError(RaytemplateError):
    """A template with problems: all of them, each with its location."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(replace(problem, message=redact(problem.message)) for problem in problems)
        super().__init__(str(Problems(problems)))


_OF_CODE: dict[int, type[RaytemplateError]] = {
    kind.exit_code: kind
    for kind in (
        UsageError,
        PlanError,
        BudgetSpent,
        Refused,
        ChampionMoved,
        IntegrityError,
        Unavailable,
        TrainingFailed,
    )
}


def from_code(exit_code: int, what: str, next_step: str) -> RaytemplateError:
    """The error for an exit code from a record."""
    return _OF_CODE.get(exit_code, RaytemplateError)(what, next_step=next_step)


def from_words(kind: str, what: str, next_step: str) -> RaytemplateError:
    """An error reported by another process as text, as the class with that name; as the base class if there is none."""
    named = globals().get(kind)
    found = named if isinstance(named, type) and issubclass(named, RaytemplateError) else RaytemplateError
    error = found.__new__(found)
    RaytemplateError.__init__(error, what, next_step=next_step)
    return error
