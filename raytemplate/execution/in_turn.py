"""Judging in turn: if several runs of one model end at once, each is compared with the champion at its own turn."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from raytemplate.errors import ChampionMoved, Unavailable
from raytemplate.execution.journal import Journal
from raytemplate.execution.ports import Promoter
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import VerdictRecord
from raytemplate.store.locks import FileLock
from raytemplate.store.workspace import Workspace

MOST_AGAIN = 3
"""How often a candidate is evaluated again because the champion moved before it was judged."""


def turn_of(workspace: Workspace, model: str) -> Path:
    """The lock that a run holds while its candidate is judged."""
    return workspace.locks / f"judge-{model}"


def decide_in_turn(
    journal: Journal,
    promoter: Promoter,
    evaluate: Callable[[], object],
    left_s: Callable[[], float],
    *,
    turn: Path | None,
    most_again: int = MOST_AGAIN,
) -> None:
    """Have a run's candidate judged; if the champion moved meanwhile, evaluate and judge it again, against the new one.

    Args:
        evaluate: takes the evidence again, without training, and writes it.
        left_s: seconds that judging may still take.
        turn: the lock from `turn_of`; None to judge without waiting for other runs.
        most_again: how often the candidate may be evaluated again.

    Raises:
        ChampionMoved: the champion moved more often than that, or there is no time left.
    """
    with _holding(turn, left_s()):
        for left in reversed(range(most_again + 1)):
            try:
                promoter.decide(journal)
                return
            except ChampionMoved:
                if not left or left_s() <= 0:
                    raise
            supersede_evidence(journal)
            evaluate()


def supersede_evidence(journal: Journal) -> None:
    """Put aside what a candidate was judged on. A run stopped now would resume at its evaluation."""
    for kind in (VerdictRecord, Evaluation):
        journal.supersede(kind)


@contextmanager
def _holding(turn: Path | None, limit_s: float) -> Generator[None]:
    """Judge one run of a model at a time, so that the champion does not move meanwhile.

    A run that has waited until its own time is up goes ahead anyway: the ledger refuses a promotion that lost the race.
    """
    with ExitStack() as stack:
        if turn is not None:
            with suppress(Unavailable):
                stack.enter_context(FileLock(turn, max(limit_s, 0.0)))
        yield
