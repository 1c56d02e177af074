"""Sends Ray's messages about lost machines and workers to its logs instead of stdout, where results are printed."""

from functools import cache
from typing import Any

from raytemplate.engines.ray.private.switch import found


@cache
def to_stderr() -> None:
    """From now on Ray's messages in this process go to stderr, which a command redirects to the run's log.

    Ray prints them from a thread of its own, regardless of its logging settings.
    """
    if (parts := found("ray._private.worker", "ray._private.worker:print_to_stdstream")) is None:
        return
    worker, tell = parts

    def told(data: dict[str, Any], ignore_prefix: bool) -> None:
        tell({**data, "is_err": True}, ignore_prefix)

    worker.print_to_stdstream = told
