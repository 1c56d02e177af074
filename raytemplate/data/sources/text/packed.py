"""Unpacks gzip files piece by piece, and refuses one that unpacks to far more than any text does."""

import gzip
from typing import BinaryIO, cast

from raytemplate.errors import DataError
from raytemplate.units import show_bytes

MAX_RATIO, RATIO_FROM_BYTES = 200, 64 * 2**20
"""Times what was read of a file that it may have unpacked to, from this many unpacked bytes on. Text of records packs
to a tenth of its size; the same record again and again, to a thousandth."""
_PIECE_BYTES = 2**20


class Unpacked:
    """The content of a gzip file, as a file that is read from its beginning.

    Args:
        location: its name, for errors.
    """

    def __init__(self, file: BinaryIO, location: str) -> None:
        file.seek(0)
        self._file, self._unpacking, self._location = file, gzip.GzipFile(fileobj=file), location

    def seek(self, offset: int) -> int:
        """Go to an offset of the content."""
        return self._unpacking.seek(offset)

    def read(self, num_bytes: int) -> bytes:
        """The next bytes, fewer only at the end.

        Raises:
            DataError: it unpacks to too much.
        """
        pieces: list[bytes] = []
        left = num_bytes
        while left > 0 and (piece := self._unpacking.read(min(left, _PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
            self._refuse_bomb()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _refuse_bomb(self) -> None:
        unpacked, stored = self._unpacking.tell(), self._file.tell()
        if unpacked > max(RATIO_FROM_BYTES, MAX_RATIO * stored):
            raise DataError(
                f"{self._location}: its first {show_bytes(stored)} unpack to more than {show_bytes(unpacked)}; the "
                f"limit is {MAX_RATIO} times as much above {show_bytes(RATIO_FROM_BYTES)}; unpack it yourself if you "
                "trust it"
            )


def unpacked(file: BinaryIO, location: str) -> BinaryIO:
    """The file from its beginning, unpacked if its name says that it is packed."""
    file.seek(0)
    return cast(BinaryIO, Unpacked(file, location)) if location.lower().endswith(".gz") else file
