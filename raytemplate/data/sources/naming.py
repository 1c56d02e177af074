"""What `data.source` names: files, or a source without files as `KIND:PLACE`, such as `delta:tables/flights`."""

import difflib
import re
from pathlib import PurePosixPath

from raytemplate import plugins

_PREFIX = re.compile(r"([a-z][a-z0-9_-]*)(?::(?!//)(.*))?", re.DOTALL)
_NO_NAME = re.compile(r"[*?\[\]{}=]")
"""Patterns, and folders of partitions."""
SQL = "sql"
"""The source that asks a database. What it gives has no bytes to come back to."""
_WITHOUT_FILES = ("delta", SQL)
_DIGEST = re.compile(r"[0-9a-f]{32}")
"""A table that was given in memory is kept under its digest."""


def split_source(text: str) -> tuple[str, str]:
    """(kind, place): the source that a text names and where its data is; ("", the text) for files of any format."""
    match = _PREFIX.fullmatch(text)
    if (
        match is None
        or not plugins.is_known(plugins.SOURCES, match[1])
        or plugins.load(plugins.SOURCES, match[1]).endings
    ):
        return "", text
    return match[1], match[2] or ""


def nearest(text: str) -> str:
    """The text with the kind that it most likely means: `delta:flights` for `delat:flights`; "" if none is near."""
    kind, colon, place = text.partition(":")
    near = difflib.get_close_matches(kind, _WITHOUT_FILES, n=1) if colon and "/" not in kind else []
    return f"{near[0]}:{place}" if near and kind not in _WITHOUT_FILES else ""


def name_of(text: str) -> str:
    """A name for the data that a person can say: "flights" for `s3://bucket/flights/*.parquet` and `delta:flights`."""
    place = PurePosixPath(split_source(text)[1].rpartition("://")[2])
    names = [part.partition(".")[0] for part in place.parts if not _NO_NAME.search(part)]
    found = next((name for name in reversed(names) if name.strip("/")), "data")
    return "table" if _DIGEST.fullmatch(found) else found
