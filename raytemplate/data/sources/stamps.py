"""Stamps of files: what tells from outside that a file has not changed, much stricter than its size and time alone."""

import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from raytemplate.data.sources.locations import HERE, is_uri
from raytemplate.data.sources.storage import Storage, etag_of

Stamp = tuple[int | str, ...]
"""Of a local file its bytes, time of change, time of change of its entry (both in ns) and inode; of a file in a bucket
its bytes and entity tag."""

_SETTLED_S = 2.0
"""Seconds after which a file's next change certainly gets another time: some file systems count in whole seconds."""
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamps:
    """The stamps of some files at one moment."""

    of: Mapping[str, Stamp]
    """File, as a listing names it -> its stamp; files that cannot be stamped are missing."""

    missing: tuple[str, ...]
    """Files that cannot be stamped: gone, or in a store that gives no entity tags."""

    is_settled: bool
    """Whether a change after this moment is certain to change a stamp; false if a file has changed just now."""


def stamps_of(files: Iterable[str], root: str, storage: Storage = HERE) -> Stamps:
    """The stamps of files, each relative to `root` unless it is absolute or a URI."""
    names = tuple(files)
    if any(map(is_uri, names)):
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(partial(_stamp, root=root, storage=storage), names))
    else:
        found = [_stamp(name, root, storage) for name in names]
    newest = max((changed for _, changed in found), default=0)
    return Stamps(
        of={name: stamp for name, (stamp, _) in zip(names, found, strict=True) if stamp},
        missing=tuple(name for name, (stamp, _) in zip(names, found, strict=True) if not stamp),
        is_settled=time.time_ns() - newest > _SETTLED_S * 1e9,
    )


def _stamp(name: str, root: str, storage: Storage) -> tuple[Stamp, int]:
    """The stamp, () if there is none; and when the file was changed last, in ns."""
    if is_uri(name):
        return etag_of(name, storage), 0
    try:
        # A network file system asks its server when a file is opened; what it answers before may be a minute old.
        descriptor = os.open(os.path.join(root, name), os.O_RDONLY)
    except OSError:
        return (), 0
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino), changed
