"""Text as terms: words or runs of characters, found for many rows at once."""

import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

Positions = npt.NDArray[np.int64]
Tokens = Literal["words", "characters"]
_ROWS_AT_ONCE = 20_000
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}]+"


def terms_of(column: Any, tokens: Tokens, length: int) -> Iterator[tuple[int, Positions, Any]]:
    """For one part of the rows after the other: (number of rows, row of each term int64 [terms], terms as Arrow text
    [terms]).

    Text is first converted to Unicode form NFKC and lower case. Words are runs of letters, marks and digits of any
    script.

    Args:
        length: most consecutive words that are one term, besides each word alone; or characters in each term.
    """
    for start in range(0, len(column), _ROWS_AT_ONCE):
        texts: list[str | None] = column.slice(start, _ROWS_AT_ONCE).to_pylist()
        # Arrow's own utf8_normalize (25.0) does not combine letters with their marks.
        whole = pa.array([t and unicodedata.normalize("NFKC", t).lower() for t in texts], pa.string())
        rows, terms = _words(whole, length) if tokens == "words" else _characters(whole, length)
        yield len(whole), rows, terms


def _words(texts: Any, length: int) -> tuple[Positions, Any]:
    split: Any = pc.split_pattern_regex(texts, _BETWEEN_WORDS)
    rows, words = pc.list_parent_indices(split), pc.list_flatten(split)
    filled = pc.not_equal(words, "")
    rows, words = rows.filter(filled).cast(pa.int64()).to_numpy(), words.filter(filled)
    found = [(rows, words)]
    run = words
    for more in range(1, length):
        # Appends the word that follows each run; runs that reach into another row are filtered out.
        run = pc.binary_join_element_wise(run[: max(0, len(words) - more)], words[more:], " ")
        same = rows[more:] == rows[: max(0, len(rows) - more)]
        found.append((rows[: len(run)][same], run.filter(pa.array(same))))
    return np.concatenate([r for r, _ in found]), pa.concat_arrays([t for _, t in found])


def _characters(texts: Any, length: int) -> tuple[Positions, Any]:
    """Every run of `length` characters, with a blank added before and after each text."""
    joined = "\0".join(f" {text} " if text is not None else "" for text in texts.to_pylist())
    letters = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
    rows = np.cumsum(letters == 0)
    if len(letters) < length:
        return np.zeros(0, np.int64), pa.array([], pa.string())
    runs = np.lib.stride_tricks.sliding_window_view(letters, length)
    inside = (runs != 0).all(axis=1)
    kept = np.ascontiguousarray(runs[inside])
    terms = pa.array(kept.view(f"<U{length}").ravel().tolist(), pa.string())
    return rows[: len(runs)][inside].astype(np.int64), terms
