"""`text`: a text becomes dense columns, one for each term, weighted by the rarity of the term."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.features.hashing import bucket_of
from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, family_of, is_text
from raytemplate.data.features.options import TextOptions
from raytemplate.data.features.terms import Positions, terms_of
from raytemplate.data.statistics import CategoryProfile

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers


class Text:
    """Terms of a text: how often each kept term occurs in it, times its weight, each row scaled to length 1.

    `tf-idf` keeps the terms that are in most training rows, with the weight log((1 + rows) / (1 + rows with it)) + 1;
    `hashing` puts every term in one of the columns, fits nothing and has no weights. A missing text is all 0.
    """

    profiled: Profiled = "terms"

    @staticmethod
    def accepts(column: str, kind: Any) -> str:
        """ "text"."""
        return family_of(column, kind, {"text": is_text}, "not text; list it under another field of features")

    @staticmethod
    def prepare(column: pa.ChunkedArray, options: TextOptions) -> pa.ChunkedArray:
        """The distinct terms of each row, a list of text [rows]; null where the text is missing."""
        kind = pa.list_(pa.string())
        if options.method == "hashing":
            none = pa.ListArray.from_arrays(np.zeros(len(column) + 1, np.int32), pa.array([], pa.string()))
            return _null_where(column, pa.chunked_array([none], kind))
        parts = [_lists(*found) for found in terms_of(column, options.tokens, options.ngrams or _default(options))]
        return _null_where(column, pa.chunked_array(parts, kind))

    @staticmethod
    def fit(profile: CategoryProfile, options: TextOptions) -> Mapping[str, Any]:
        """How to find terms, and the kept terms with their weights."""
        state: dict[str, Any] = {
            "method": options.method, "tokens": options.tokens, "ngrams": options.ngrams or _default(options),
            "width": options.width,
        }  # fmt: skip
        if options.method == "hashing":
            return state
        frequent = [(-count, term) for term, count in profile.counts.items() if count >= options.min_count]
        kept = sorted(frequent)[: options.width]
        weights = [math.log((1 + profile.num_rows) / (1 - negative)) + 1 for negative, _ in kept]
        return {**state, "terms": [term for _, term in kept], "weights": weights}

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """Dense columns `column:TERM`, or `column:0`, `column:1`.."""
        if state["method"] == "hashing":
            return Outputs(dense=tuple(f"{column}:{position}" for position in range(state["width"])))
        return Outputs(dense=tuple(f"{column}:{term}" for term in state["terms"]))

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """One float32 array [rows] for each term."""
        hashed = state["method"] == "hashing"
        weights = np.ones(state["width"]) if hashed else np.array(state["weights"], np.float64)
        found = terms_of(column, state["tokens"], state["ngrams"])
        parts = [_weighted(num_rows, *_known(rows, terms, state), weights) for num_rows, rows, terms in found]
        dense = np.concatenate(parts) if parts else np.zeros((0, len(weights)), np.float32)
        return EncodedColumn(dense=tuple(dense.T))


def _default(options: TextOptions) -> int:
    return 1 if options.tokens == "words" else 3


def _null_where(column: Any, lists: Any) -> Any:
    return pc.if_else(column.is_valid(), lists, pa.scalar(None, lists.type))


def _lists(num_rows: int, rows: Positions, terms: Any) -> Any:
    """The distinct terms of each row."""
    coded: Any = terms.dictionary_encode()
    pairs = np.unique(rows * max(1, len(coded.dictionary)) + coded.indices.to_numpy().astype(np.int64))
    of_row, position = np.divmod(pairs, max(1, len(coded.dictionary)))
    offsets = np.searchsorted(of_row, np.arange(num_rows + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), coded.dictionary.take(pa.array(position)))


def _known(rows: Positions, terms: Any, state: Mapping[str, Any]) -> tuple[Positions, Positions]:
    """(row, column) of every occurrence of a term that has a column."""
    if state["method"] == "hashing":
        coded: Any = terms.dictionary_encode()
        buckets = np.array([bucket_of(t, state["width"]) for t in coded.dictionary.to_pylist()], np.int64)
        return rows, buckets[coded.indices.to_numpy()]
    positions = pc.index_in(terms, pa.array(state["terms"], pa.string())).fill_null(-1).to_numpy().astype(np.int64)
    return rows[positions >= 0], positions[positions >= 0]


def _weighted(
    num_rows: int, rows: Positions, positions: Positions, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Counts times weights, each row scaled to length 1; float32 [rows, terms]. Sums are taken in the order of the
    terms, so that a row has the same bits whatever the other rows."""
    width = len(weights)
    cells, counts = np.unique(rows * max(1, width) + positions, return_counts=True)
    of_row, position = np.divmod(cells, max(1, width))
    values = counts * weights[position] if width else np.zeros(0)
    length = np.sqrt(np.bincount(of_row, np.square(values), num_rows))
    dense = np.zeros((num_rows, width), np.float32)
    dense[of_row, position] = values / length[of_row]
    return dense
