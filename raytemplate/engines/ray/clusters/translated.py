"""Runs a stage's work on Ray and turns what it raises into our own errors, with the stage's name."""

from collections.abc import Callable
from typing import TypeVar

from raytemplate.engines.ray.clusters import lost
from raytemplate.errors import RaytemplateError

T = TypeVar("T")


def translated(stage: str, work: Callable[[], T]) -> T:
    """Run a stage's work. Errors of Ray or of a project's own code become `RaytemplateError`s; our own pass as is."""
    lost.in_stage(stage)
    try:
        return work()
    except RaytemplateError:
        raise
    except Exception as error:  # raised again if it is neither Ray's nor the project's
        from raytemplate.engines.ray.trouble import translate

        ours = lost.loss() or translate(stage, error)
        if ours is None:
            raise
        raise ours from error
