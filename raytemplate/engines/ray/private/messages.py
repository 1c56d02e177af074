"""What Ray tells of machines and workers that were lost: among what it logs, and not among the results on stdout."""

from functools import cache
from typing import Any

from raytemplate.engines.ray.private.switch import found


@cache
def to_stderr() -> None:
    """From now on Ray's messages of this process go to stderr, which a command sends into the run's log.

    Ray prints them from a thread of its own, whatever it was told of logs.
    """
    if (parts := found("ray._private.worker", "ray._private.worker:print_to_stdstream")) is None:
        return
    worker, tell = parts

    def told(data: dict[str, Any], ignore_prefix: bool) -> None:
        tell({**data, "is_err": True}, ignore_prefix)

    worker.print_to_stdstream = told
