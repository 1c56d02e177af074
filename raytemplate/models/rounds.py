"""Shared by families that train in rounds of a fraction of a second."""

from raytemplate.models.context import LoopContext

_ROUNDS_BETWEEN_AGREEMENTS = 10


def out_of_time(context: LoopContext, done: int) -> bool:
    """Whether time is up and training ends after this round, even between two reports, which are many rounds apart.

    Ranks must agree, which may take as long as a round, so they check only after every tenth.
    """
    return (context.num_ranks == 1 or done % _ROUNDS_BETWEEN_AGREEMENTS == 0) and context.out_of_time()
