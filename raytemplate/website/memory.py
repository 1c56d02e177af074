"""`site.json` of a site: what was written and from which records, so that only what has changed is written again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from raytemplate.errors import IntegrityError
from raytemplate.records import codec
from raytemplate.reports.history import ModelRow
from raytemplate.store.digests import sha256_bytes
from raytemplate.website.destination import Destination
from raytemplate.website.summary import RunSummary

MEMORY = "site.json"
_MAKERS = ("website", "reports", "history", "records")
"""Rooms whose code decides what a page looks like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A file as it was written."""

    sha256: str
    num_bytes: int

    @classmethod
    def of(cls, data: bytes) -> "Page":
        """A file that is to be written."""
        return cls(sha256=sha256_bytes(data), num_bytes=len(data))


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRun:
    """A run as it was when its page was written."""

    stamp: str
    """See `summary.stamp`."""
    summary: RunSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownModel:
    """A model as it was when its page was written."""

    stamp: str
    """Changes with its runs' stamps and its events."""
    row: ModelRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """All of a site."""

    made_by: str = ""
    """Digest of the code that made it: another version may draw the same records in another way."""
    runs: Mapping[str, KnownRun] = field(default_factory=dict[str, KnownRun])
    """By run id."""
    models: Mapping[str, KnownModel] = field(default_factory=dict[str, KnownModel])
    """By name."""
    pages: Mapping[str, Page] = field(default_factory=dict[str, Page])
    """By file name."""


def read_memory(destination: Destination) -> Memory | None:
    """What is remembered of a site; None where there is none, or none that this version can read."""
    data = destination.read(MEMORY)
    if data is None:
        return None
    try:
        return codec.loads(Memory, data, where=MEMORY)
    except IntegrityError:  # it is only to be quick: all is made anew
        return Memory()


def dumped(memory: Memory) -> bytes:
    """The bytes of `site.json`. All of it comes from records and pages, whose secrets were looked for already."""
    return json.dumps({"schema": codec.SCHEMA_VERSION, **codec.encode(memory)}, ensure_ascii=False).encode()


@cache
def made_by() -> str:
    """The digest of the code and the templates that pages are made by."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in _MAKERS:
        for path in sorted((package / room).rglob("*")):
            if path.suffix in (".py", ".html", ".css"):
                digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
