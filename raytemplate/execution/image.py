"""The container image that a run was trained in."""

import re

from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import RunLock
from raytemplate.records.submitted import ClusterWork

_DIGEST = re.compile(r"@sha256:([0-9a-f]{64})$")


def image_of(journal: Journal, lock: RunLock) -> str:
    """The image that the cluster's job ran in, or the process that made the run; "" if not recorded."""
    work = journal.read(ClusterWork)
    return work.image if work is not None else lock.image


def digest_in(image: str) -> str:
    """The sha256 that an image's name ends with; "" for one that is named by a tag."""
    found = _DIGEST.search(image)
    return found[1] if found else ""
