"""What a run needs from the Ray it uses, no matter who started it."""

from __future__ import annotations

from typing import Protocol

A_SHARE = 0.001
"""Share of a GPU type's resource that Ray itself requests: enough to be placed on such a node."""


class RunningRay(Protocol):
    """A Ray that gets ready alongside other work and is left when the run ends."""

    @property
    def ours(self) -> bool:
        """Whether the run started it and stops it; if not, others use it too."""
        ...

    def start(self) -> RunningRay:
        """Begin to get ready; returns at once."""
        ...

    def wait(self) -> None:
        """Wait until it can be used.

        Raises:
            Unavailable: it cannot be used.
        """
        ...

    def wait_quietly(self) -> None:
        """Wait until it can be used or has failed, without raising: `wait` raises when it is needed."""
        ...

    def wait_for_reader(self) -> None:
        """Wait until a worker has imported what reading needs, if one does so in advance. Call after `wait`."""
        ...

    def begin_to_stop(self) -> None:
        """Begin to leave it, since it is no longer needed; returns at once."""
        ...

    def stop(self, *, in_haste: bool = False) -> None:
        """Leave it, and wait until that is done; `in_haste` if a person waits for the process to end."""
        ...
