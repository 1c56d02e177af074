"""Records of a CSV file for a first look: its beginning, and pieces from all over it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass

from raytemplate.data.sources.places import open_file
from raytemplate.data.sources.text.encoding import check_start
from raytemplate.data.sources.text.scan import START_BYTES, start_of

SEPARATORS = (",", ";", "\t", "|")
_LAST_RESORT = " "
_PIECES, _PIECE_BYTES = 16, 2**17
_LOOKED_AT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The first record and some of the others, all with as many fields as the first; blanks around them are cut."""

    separator: str
    first: tuple[str, ...]
    records: tuple[tuple[str, ...], ...]

    def column(self, index: int) -> list[str]:
        """One column of the records without empty fields."""
        return [record[index] for record in self.records if record[index]]


def sample_of(place: str) -> Sample:
    """A bounded part of a file, whatever its size.

    Raises:
        DataError: unreadable, empty, or not UTF-8; with the line.
    """
    start = start_of(place)
    check_start(start, place, whole=len(start) < START_BYTES)
    whole = start if len(start) < START_BYTES else start[: start.rfind(b"\n") + 1]
    text = whole.decode("utf-8-sig")
    separator = max(SEPARATORS, key=lambda one: _agreement(text, one))
    if _agreement(text, separator) == (0.0, 0) and _agreement(text, _LAST_RESORT)[0] == 1:
        separator = _LAST_RESORT
    first, *records = _records(text, separator) or [[]]
    if len(start) == START_BYTES and not place.lower().endswith(".gz"):
        records += [record for piece in _pieces(place) for record in _records(piece, separator)]
    fitting = tuple(tuple(record) for record in records if len(record) == len(first))
    return Sample(separator=separator, first=tuple(first), records=fitting)


def _agreement(text: str, separator: str) -> tuple[float, int]:
    """(share of the first records with the same number of fields, that number); (0, 0) where nothing is separated."""
    counts = Counter(len(record) for record in _records(text[: 2**16], separator)[:_LOOKED_AT])
    fields, times = counts.most_common(1)[0] if counts else (0, 0)
    return (times / counts.total(), fields) if fields > 1 else (0.0, 0)


def _records(text: str, separator: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if record:
                found.append([value.strip() for value in record])
    except csv.Error:  # a quote that is never closed: what came before it counts, the whole pass will name it
        pass
    return found


def _pieces(place: str) -> list[str]:
    """Whole lines from evenly spread places. A piece may begin within quotes: its records then do not fit the first."""
    found: list[str] = []
    with open_file(place) as file:
        size = file.seek(0, 2)
        for number in range(1, _PIECES + 1):
            file.seek(max(0, size * number // _PIECES - _PIECE_BYTES))
            lines = file.read(_PIECE_BYTES).decode(errors="replace").split("\n")
            found.append("\n".join(lines[1:-1]))
    return found
