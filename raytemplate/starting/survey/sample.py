"""Records of a CSV file for a first look: its beginning, and pieces from all over it."""

from dataclasses import dataclass

from raytemplate.data.sources.locations import open_file
from raytemplate.data.sources.text.encoding import check_start
from raytemplate.data.sources.text.scan import START_BYTES, start_of
from raytemplate.data.sources.text.separator import records_of, separator_of

_PIECES, _PIECE_BYTES = 16, 2**17


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Some records of a file; blanks around fields are stripped."""

    separator: str
    """What separates fields."""
    first: tuple[str, ...]
    """The first record."""
    records: tuple[tuple[str, ...], ...]
    """Some of the others, all with as many fields as the first."""

    def column(self, index: int) -> list[str]:
        """One column of the records, without empty fields."""
        return [record[index] for record in self.records if record[index]]


def sample_of(location: str) -> Sample:
    """A bounded part of a file, whatever its size.

    Raises:
        DataError: unreadable, empty, or not UTF-8; with the line.
    """
    start = start_of(location)
    check_start(start, location, whole=len(start) < START_BYTES)
    whole = start if len(start) < START_BYTES else start[: start.rfind(b"\n") + 1]
    separator = separator_of(start)
    first, *records = _records(whole.decode("utf-8-sig"), separator) or [[]]
    if len(start) == START_BYTES and not location.lower().endswith(".gz"):
        records += [record for piece in _pieces(location) for record in _records(piece, separator)]
    fitting = tuple(tuple(record) for record in records if len(record) == len(first))
    return Sample(separator=separator, first=tuple(first), records=fitting)


def _records(text: str, separator: str) -> list[list[str]]:
    return [[value.strip() for value in record] for record in records_of(text, separator)]


def _pieces(location: str) -> list[str]:
    """Whole lines from evenly spread offsets. If a piece begins within quotes, its records do not fit the first one."""
    found: list[str] = []
    with open_file(location) as file:
        size = file.seek(0, 2)
        for number in range(1, _PIECES + 1):
            file.seek(max(0, size * number // _PIECES - _PIECE_BYTES))
            lines = file.read(_PIECE_BYTES).decode(errors="replace").split("\n")
            found.append("\n".join(lines[1:-1]))
    return found
