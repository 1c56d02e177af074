"""Finds the ends of CSV records: newlines outside quotes."""

import csv
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from raytemplate.data.sources.text.rules import Misread

_QUOTE, _NEWLINE, _RETURN = b'"\n\r'
_MARK = "\x00raytemplate end\x00"


def end_of_records(block: bytes, separator: str, *, last: bool) -> int:
    """Number of bytes up to the end of the last whole record; with `last`, the whole block.

    The block begins with a record. If every quote opens, closes or doubles, quotes are simply counted; if one is
    inside an unquoted field, the records are parsed one by one instead.

    Raises:
        Misread: a quote is never closed, and the block is the last.
    """
    if b'"' not in block:
        return len(block) if last else block.rfind(b"\n") + 1
    content = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(content == _QUOTE)
    if not _regular(content, quotes, ord(separator)):
        return _walk(block, separator, last=last)
    if last:
        if len(quotes) % 2:
            raise Misread(_record_of(block, separator), "a quote is opened and never closed", column="")
        return len(block)
    return _last_newline(content, quotes) + 1


def _regular(content: NDArray[np.uint8], quotes: NDArray[Any], separator: int) -> bool:
    """Whether quotes open after a separator or the start of a line, and close before one or before another quote."""
    around = np.concatenate(([_NEWLINE], content, [_NEWLINE]))
    ends = np.zeros(256, bool)
    ends[[separator, _NEWLINE, _RETURN, _QUOTE]] = True
    before, after = around[quotes[0::2]], around[quotes[1::2] + 2]
    return bool(ends[before].all() and ends[after].all())


def _last_newline(content: NDArray[np.uint8], quotes: NDArray[Any]) -> int:
    """The position of the last newline with an even number of quotes before it; -1 if there is none."""
    newlines = np.flatnonzero(content == _NEWLINE)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return int(outside[-1]) if len(outside) else -1


def _walk(block: bytes, separator: str, *, last: bool) -> int:
    whole = block if last else block[: block.rfind(b"\n") + 1]
    lines = whole.split(b"\n") if last else whole.split(b"\n")[:-1]
    num_lines, closed = _whole_lines(whole, separator)
    if last:
        if not closed:
            raise Misread(_record_of(block, separator), "a quote is opened and never closed", column="")
        return len(block)
    return len(whole) if closed else sum(len(line) + 1 for line in lines[:num_lines])


def _whole_lines(content: bytes, separator: str) -> tuple[int, bool]:
    """The number of lines in records that certainly end, and whether the last record ends, too."""
    text = content.decode(errors="replace")
    text = text if text.endswith("\n") else text + "\n"
    reader = csv.reader(io.StringIO(text + _MARK + "\n", newline=""), delimiter=separator)
    before = lines = 0
    record: list[str] = []
    try:
        for record in reader:  # noqa: B007  the last one is compared below
            before, lines = lines, reader.line_num
    except csv.Error:  # a field of more than 128 KiB: most likely its quote is never closed
        return lines, False
    return before, record == [_MARK]


def _record_of(block: bytes, separator: str) -> int:
    """The number of the record that never ends."""
    reader = csv.reader(io.StringIO(block.decode(errors="replace"), newline=""), delimiter=separator)
    number = 0
    try:
        for record in reader:
            number += bool(record)
    except csv.Error:
        return number + 1
    return number
