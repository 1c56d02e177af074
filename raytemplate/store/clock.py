"""What time it is where files are kept: the one clock that all machines which see a folder have in common."""

import time
import uuid
from contextlib import suppress
from pathlib import Path


def now_at(folder: Path) -> float:
    """Seconds since 1970 by the clock of a folder's file system.

    Machines compare moments by this one: their own clocks may be an hour apart. Where nothing can be written, as in a
    folder that was removed meanwhile, it is this machine's own.
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
