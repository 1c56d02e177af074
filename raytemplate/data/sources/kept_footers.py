"""What the footers of many Parquet files say, kept so that listing them again reads only those that have changed.

One file holds the whole listing: with 10,000 files, opening a small file for each would take as long as their footers.
It carries the digest of its content; one that does not match is made again.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from raytemplate.data.sources.listing import Slice
from raytemplate.data.sources.stamps import Stamp
from raytemplate.errors import RaytemplateError
from raytemplate.store.atomic import write_atomic

WORTH_KEEPING = 100
"""Files from which on a listing is kept: fewer footers are read in no time."""
_VERSION = 1

Schema = tuple[tuple[str, str], ...]
"""(column, Arrow type) in the order of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileListed:
    """What the footer of one file says."""

    schema: Schema
    size_bytes: int
    """Size of the whole file."""
    sha256: str
    """Digest of the footer."""
    slices: tuple[Slice, ...]
    """Its row groups."""


@dataclass(frozen=True, slots=True)
class KeptFooters:
    """The kept listing of one source.

    Args:
        path: the file that holds it.
    """

    path: Path

    @staticmethod
    def at(folder: Path, key: Sequence[Any]) -> "KeptFooters":
        """The listing of a source that is listed in a certain way.

        Args:
            key: everything besides the files themselves that a listing depends on, as plain JSON values.
        """
        text = json.dumps([_VERSION, *key])
        return KeptFooters(folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json")

    def read(self, stamps: Mapping[str, Stamp]) -> dict[str, FileListed]:
        """Path -> what its footer says, for those files whose stamps are as they were."""
        try:
            digest, _, body = self.path.read_bytes().partition(b"\n")
            if digest != _digest(body):
                return {}
            document = json.loads(body)
            schemas = [tuple((name, kind) for name, kind in schema) for schema in document["schemas"]]
            return {
                path: _listed(schemas[number], *rest)
                for path, (stamp, number, *rest) in document["files"].items()
                if stamps.get(path) == tuple(stamp)
            }
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return {}

    def keep(self, files: Mapping[str, FileListed], stamps: Mapping[str, Stamp]) -> None:
        """Keep what the footers of files say. A failure is ignored: this only saves time."""
        numbers: dict[Schema, int] = {}
        rows = {
            path: [list(stamps[path]), numbers.setdefault(one.schema, len(numbers)), *_plain(one)]
            for path, one in files.items()
            if path in stamps
        }
        body = json.dumps({"schemas": list(numbers), "files": rows}, separators=(",", ":")).encode()
        with contextlib.suppress(OSError, RaytemplateError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            (self.path.parent / ".gitignore").write_text("*\n")
            write_atomic(self.path, _digest(body) + b"\n" + body)


def _plain(one: FileListed) -> list[Any]:
    groups = [
        [group.num_rows, _text(group.time_min), _text(group.time_max), [group.column_bytes[n] for n, _ in one.schema]]
        for group in one.slices
    ]
    return [one.size_bytes, one.sha256, groups]


def _listed(schema: Schema, size_bytes: int, sha256: str, groups: list[Any]) -> FileListed:
    names = [name for name, _ in schema]
    slices = tuple(
        Slice(
            number=number,
            num_rows=num_rows,
            time_min=_moment(low),
            time_max=_moment(high),
            column_bytes=dict(zip(names, column_bytes, strict=True)),
        )
        for number, (num_rows, low, high, column_bytes) in enumerate(groups)
    )
    return FileListed(schema=schema, size_bytes=size_bytes, sha256=sha256, slices=slices)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
