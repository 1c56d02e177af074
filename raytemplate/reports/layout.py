"""Tables and long lines for a terminal: widths follow the content, up to `WIDTH` columns."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

WIDTH = 100
_NO_WIDTHS: Mapping[int, int] = {}


def table(
    rows: Sequence[Sequence[str]],
    *,
    gaps: Sequence[int],
    right: Collection[int] = (),
    least: Mapping[int, int] = _NO_WIDTHS,
    most: Mapping[int, int] = _NO_WIDTHS,
) -> str:
    """Rows as aligned columns, indented by two.

    Args:
        gaps: spaces after each column but the last.
        right: columns aligned to the right.
        least: column -> its least width.
        most: column -> its greatest width; longer text continues on the next line.
    """
    folded = [line for row in rows for line in _folded(row, most)]
    count = max((len(row) for row in folded), default=0)
    widths = [max([least.get(i, 0), *(len(row[i]) for row in folded if i < len(row))]) for i in range(count)]
    return "\n".join(_line(row, widths, gaps, right) for row in folded)


def _folded(row: Sequence[str], most: Mapping[int, int]) -> list[tuple[str, ...]]:
    cells = [_cell_lines(cell, most.get(index, 0)) for index, cell in enumerate(row)]
    return list(zip_longest(*cells, fillvalue=""))


def _cell_lines(cell: str, width: int) -> list[str]:
    if not width or len(cell) <= width:
        return [cell]
    return textwrap.wrap(cell, width, break_on_hyphens=False)


def _line(row: Sequence[str], widths: Sequence[int], gaps: Sequence[int], right: Collection[int]) -> str:
    text = " " * 2
    for index, cell in enumerate(row):
        text += cell.rjust(widths[index]) if index in right else cell.ljust(widths[index])
        text += " " * (gaps[index] if index < len(gaps) else 0)
    return text.rstrip()


def hanging(first: str, text: str, width: int = WIDTH) -> str:
    """`first` followed by the text; later lines are indented by the length of `first`."""
    if not text:
        return first.rstrip()
    return textwrap.fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def sentences(text: str, width: int = WIDTH) -> str:
    """Prose, wrapped at `width` columns."""
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
