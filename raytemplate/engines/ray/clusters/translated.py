"""What is asked of Ray for a stage: what it raises meanwhile is told in our words, with the stage's name."""

from collections.abc import Callable
from typing import TypeVar

from raytemplate.engines.ray.clusters import lost
from raytemplate.errors import RaytemplateError

T = TypeVar("T")


def translated(stage: str, work: Callable[[], T]) -> T:
    """Run a stage. What Ray or a project's own code raises becomes an error of ours; our own come through Ray whole."""
    lost.in_stage(stage)
    try:
        return work()
    except RaytemplateError:
        raise
    except Exception as error:  # what is none of Ray's or the project's is raised again
        from raytemplate.engines.ray.trouble import translate

        ours = lost.loss() or translate(stage, error)
        if ours is None:
            raise
        raise ours from error
