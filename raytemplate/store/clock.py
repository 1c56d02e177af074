"""The clock of a folder's file system: the only one shared by all machines that see the folder."""

import time
import uuid
from contextlib import suppress
from pathlib import Path


def now_at(folder: Path) -> float:
    """Seconds since 1970 by the clock of a folder's file system.

    Machines compare moments by this clock, since their own may be an hour apart. If the folder cannot be written, for
    example because it was removed, the result is from this machine's clock.
    """
    scratch = folder / f".now-{uuid.uuid4().hex}"
    try:
        scratch.touch()
        return scratch.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
