"""A cache of scan results, keyed by a file's stamp (see `locations.stamp`), so that listing does not read it again."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from raytemplate.data.sources.locations import stamp
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.sources.text.scan import Scanned
from raytemplate.errors import RaytemplateError
from raytemplate.records import codec
from raytemplate.store.atomic import write_atomic

_VERSION = 7


def remembered(
    order: ListOrder, location: str, rules: Rules, fixed: Mapping[str, str], work: Callable[[], Scanned]
) -> Scanned:
    """The result of `work`, or its earlier result for the same file, rules and time column.

    During planning, the stamp identifies the content; what is read later is checked by digest.
    """
    before = stamp(location, order.storage) if order.cache else None
    if order.cache is None or not before or order.most_bytes is not None:
        return work()
    key = codec.canonical([_VERSION, location, before, rules, order.time, dict(fixed), order.written])
    path = order.cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, RaytemplateError):
        return codec.loads(Scanned, path.read_bytes(), where=str(path))
    found = work()
    if stamp(location, order.storage) == before:
        _keep(path, found)
    return found


def _keep(path: Path, found: Scanned) -> None:
    """Writes the cache; a failure is ignored, because the cache only saves time."""
    with contextlib.suppress(OSError, RaytemplateError):
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n")
        write_atomic(path, codec.dumps(found))
