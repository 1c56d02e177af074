"""What Ray tells of machines and workers that were lost: among what it logs, and not among the results on stdout."""

from __future__ import annotations

from functools import cache
from typing import Any

from raytemplate.engines.ray.private.switch import is_plain


@cache
def to_stderr() -> None:
    """From now on Ray's messages of this process go to stderr, which a command sends into the run's log.

    Ray prints them from a thread of its own, whatever it was told of logs.
    """
    if is_plain():
        return
    import ray._private.worker as worker

    tell = worker.print_to_stdstream

    def told(data: dict[str, Any], ignore_prefix: bool) -> None:
        tell({**data, "is_err": True}, ignore_prefix)

    worker.print_to_stdstream = told
