"""What families that train in rounds, each a fraction of a second, have in common."""

from raytemplate.models.context import LoopContext

_ROUNDS_BETWEEN_AGREEMENTS = 10


def out_of_time(context: LoopContext, done: int) -> bool:
    """Whether training ends after this round although no report is due: many rounds lie between two reports.

    Ranks must agree, which may take as long as a round: they ask after every tenth.
    """
    return (context.num_ranks == 1 or done % _ROUNDS_BETWEEN_AGREEMENTS == 0) and context.out_of_time()
