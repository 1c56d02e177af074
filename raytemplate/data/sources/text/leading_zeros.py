"""Whole numbers that are written with leading zeros in more than one way: codes such as 007, 07 and 7 would be one
number.

It is enough to know how long the numbers are. If one that begins with a zero has more digits than another number, both
may stand for the same one. Codes of one length (001 to 999), and numbers that grow beyond it (1000), stay apart.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

pc: Any = pyarrow.compute

_NO_NUMBER = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class Digits:
    """Lengths of the whole numbers of a column, without signs."""

    padded: int = 0
    """Most digits of a number that begins with a zero, other than 0 itself; 0 if none does."""

    fewest: int = _NO_NUMBER
    """Fewest digits of a number."""

    @property
    def are_ambiguous(self) -> bool:
        """Whether two different texts may be the same number."""
        return self.padded > self.fewest


def joined(parts: Iterable[Digits]) -> Digits:
    """The lengths in several parts of a column."""
    found = tuple(parts)
    return Digits(
        padded=max((one.padded for one in found), default=0),
        fewest=min((one.fewest for one in found), default=_NO_NUMBER),
    )


def digits_of_texts(texts: Any) -> Digits:
    """The lengths of the whole numbers among texts [rows]."""
    bare = pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), r"^[-+]", "")
    numbers = bare.filter(pc.match_substring_regex(bare, r"^\d+$"))
    if not len(numbers):
        return Digits()
    lengths = pc.utf8_length(numbers)
    padded = pc.max(lengths.filter(pc.match_substring_regex(numbers, r"^0\d"))).as_py()
    return Digits(padded=padded or 0, fewest=pc.min(lengths).as_py())


def digits_in(
    content: bytes, separator: str, table: pa.Table, read: Callable[[list[str]], pa.Table]
) -> dict[str, Digits]:
    """Column of whole numbers -> the lengths of its numbers.

    Args:
        content: records of a CSV file.
        table: the records, parsed.
        read: names of columns -> those columns as text.
    """
    names = [one.name for one in table.schema if pa.types.is_integer(one.type) or pa.types.is_decimal(one.type)]
    if names and _may_be_padded(content, separator):
        texts = read(names)
        return {name: digits_of_texts(texts.column(name)) for name in names}
    return {name: Digits(fewest=_fewest(table.column(name))) for name in names}


def _fewest(numbers: Any) -> int:
    least = pc.min(pc.abs(numbers)).as_py()
    return _NO_NUMBER if least is None else len(str(least))


def _may_be_padded(content: bytes, separator: str) -> bool:
    """Whether a field may be a whole number with a leading zero; quick, since hardly any file has one."""
    found = np.frombuffer(b"\n\n" + content + b"\n", np.uint8)
    around = np.zeros(256, bool)
    around[list(f'{separator}\r\n"'.encode())] = True
    before, after = around.copy(), around.copy()
    before[list(b" +-")] = after[ord(" ")] = True
    # Comparisons of whole arrays are far quicker than looking anything up: they leave few places.
    last, this, following = found[:-2], found[1:-1], found[2:]
    starts = (this == ord("0")) & (following - ord("0") < 10) & ((last < ord("0")) | (last > ord("9")))
    at = np.flatnonzero(starts) + 1
    at = at[before[found[at - 1]]]
    at = at[around[found[at - 1]] | around[found[at - 2]]]
    while len(at):  # on to the ends of the numbers: dates and times are none
        if after[found[at]].any():
            return True
        at = at[_are_digits(found[at])] + 1
    return False


def _are_digits(found: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (found >= ord("0")) & (found <= ord("9"))
