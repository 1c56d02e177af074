"""What a run needs of the Ray it uses, whoever started it."""

from __future__ import annotations

from typing import Protocol

A_SHARE = 0.001
"""What Ray itself asks of a type of GPU: enough to be on such a node, and no more."""


class RunningRay(Protocol):
    """A Ray that becomes ready beside other work and is left when the run ends."""

    @property
    def ours(self) -> bool:
        """Whether the run started it and ends it; else others use it too."""
        ...

    def start(self) -> RunningRay:
        """Begin to get ready; returns at once."""
        ...

    def wait(self) -> None:
        """Until it can be used.

        Raises:
            Unavailable: it cannot.
        """
        ...

    def wait_quietly(self) -> None:
        """Until it can be used or cannot; who needs it will say so."""
        ...

    def begin_to_stop(self) -> None:
        """Nothing more will be asked of it; returns at once."""
        ...

    def stop(self, *, in_haste: bool = False) -> None:
        """Leave it, and wait until that is done; `in_haste` when somebody waits for the process to end."""
        ...
