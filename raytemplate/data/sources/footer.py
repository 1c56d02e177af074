"""Footers of Parquet files: read once, hashed, and checked for content that is not safe to open."""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from raytemplate.errors import DataError

MAGIC = b"PAR1"
_TAIL_BYTES = 8
_EXTENSION = b"ARROW:extension:name"
_CUT_OFF = "not a Parquet file, or cut off while it was written; write it again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Footer:
    """The footer of one file."""

    sha256: str
    """Digest of the footer, and so of its offsets, counts and statistics."""

    size_bytes: int
    """Size of the whole file."""

    num_bytes: int
    """Size of the footer."""

    metadata: Any
    """The footer as pyarrow's `FileMetaData`."""

    @property
    def data_end(self) -> int:
        """Offset at which the pages end and the footer begins."""
        return self.size_bytes - _TAIL_BYTES - self.num_bytes


def read_footer(file: BinaryIO, path: str) -> Footer:
    """The footer of an open file. Only its last bytes are read, and nothing in it is unpickled.

    Raises:
        DataError: the file is empty, not Parquet or cut off, or has columns of an extension type.
    """
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes); write it again")
    content = _footer_bytes(file, path, size)
    try:
        metadata: Any = pq.read_metadata(pa.BufferReader(MAGIC + content + len(content).to_bytes(4, "little") + MAGIC))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: {_CUT_OFF} ({_first_line(error)})") from error
    _refuse_extensions(metadata, path)
    return Footer(
        sha256=hashlib.sha256(content).hexdigest(), size_bytes=size, num_bytes=len(content), metadata=metadata
    )


def _footer_bytes(file: BinaryIO, path: str, size: int) -> bytes:
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little")
    if size < 2 * len(MAGIC) + _TAIL_BYTES or tail[4:] != MAGIC or length > size - _TAIL_BYTES - len(MAGIC):
        raise DataError(f"{path}: {_CUT_OFF}")
    file.seek(size - _TAIL_BYTES - length)
    return file.read(length)


def _refuse_extensions(metadata: Any, path: str) -> None:
    """Searches the stored Arrow schema as bytes: decoding it would run the code of registered extension types, and
    Ray's object and tensor types unpickle."""
    stored = (metadata.metadata or {}).get(b"ARROW:schema", b"")
    try:
        found = _EXTENSION in base64.b64decode(stored)
    except binascii.Error:
        found = True
    if found:
        raise DataError(
            f"{path}: has columns of an Arrow extension type (pickled objects, tensors, uuid), which are not opened; "
            "write it again with plain types or without them"
        )


def arrow_schema(footer: Footer, path: str) -> pa.Schema:
    """Names and Arrow types of the columns.

    Raises:
        DataError: a type is unknown to Arrow, or two columns have the same name.
    """
    try:
        schema: Any = footer.metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: its schema cannot be used: {_first_line(error)}") from error
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: has more than one column named {', '.join(twice)}; rename them")
    return schema


def column_of(path_in_schema: str, names: frozenset[str]) -> str:
    """The top-level column that a column chunk belongs to (a list or struct has several chunks)."""
    parts = path_in_schema.split(".")
    above = (".".join(parts[:length]) for length in range(len(parts), 0, -1))  # names may have dots of their own
    return next((name for name in above if name in names), parts[0])


def chunk_range(chunk: Any, footer: Footer, path: str) -> tuple[int, int]:
    """(offset, bytes) of one column chunk.

    Raises:
        DataError: the footer points outside the file.
    """
    offsets = (chunk.dictionary_page_offset, chunk.data_page_offset)
    start = min(o for o in offsets if o is not None and o > 0) if any(offsets) else 0
    length = chunk.total_compressed_size
    if start < len(MAGIC) or length < 0 or start + length > footer.data_end:
        raise DataError(f"{path}: damaged: the footer points outside the file; write it again")
    return start, length


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
