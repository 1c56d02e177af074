"""The off switch for what leans on private parts of Ray: with RAYTEMPLATE_PLAIN_RAY=1 Ray is used as it comes.

For a Ray that was patched, or a platform where a change in it does harm. Everything works then, more slowly; and when
Ray goes in the middle of the work, it may end the process before that was said and recorded (docs/decisions/0070).
"""

from __future__ import annotations

import os

ENVIRONMENT_NAME = "RAYTEMPLATE_PLAIN_RAY"


def is_plain() -> bool:
    """Whether nothing of Ray is to be changed. Unset, empty and 0 are no, all else is yes."""
    return os.environ.get(ENVIRONMENT_NAME, "") not in ("", "0")
