"""`categorical`: a column of values becomes a column of codes to embed, or one dense column for each value."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, as_it_is, family_of, is_text, is_whole
from raytemplate.data.features.options import CategoricalOptions
from raytemplate.data.statistics import CategoryProfile

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

UNKNOWN, MISSING, FIRST = 0, 1, 2


class Categorical:
    """Categories. Code 0 is unknown or rare, 1 missing; then come the values by falling count, ties sorted as text."""

    profiled: Profiled = "category"

    @staticmethod
    def accepts(column: str, kind: Any) -> str:
        """ "text", "whole number" or "boolean"."""
        hint = "not text, a whole number or a boolean; list it under features.numeric or store it as text"
        families = {"text": is_text, "whole number": is_whole, "boolean": pa.types.is_boolean}
        return family_of(column, kind, families, hint)

    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: CategoryProfile, options: CategoricalOptions) -> Mapping[str, Any]:
        """The values with a code of their own, as text, in the order of their codes."""
        frequent = [(-count, value) for value, count in profile.counts.items() if count >= options.min_count]
        values = [value for _, value in sorted(frequent)[: options.max_values]]
        return {"encoding": options.encoding, "values": values}

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """One code column, or the dense columns `column=unknown`, `column=missing`, `column=VALUE`..."""
        values: list[str] = state["values"]
        if state["encoding"] == "embedding":
            return Outputs(codes=((column, FIRST + len(values)),))
        return Outputs(dense=tuple(f"{column}={value}" for value in ("(unknown)", "(missing)", *values)))

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """Codes, int32 [rows], or for one-hot one bool array [rows] for each code."""
        codes = codes_of(column, state["values"])
        unknown = codes == UNKNOWN
        if state["encoding"] == "embedding":
            return EncodedColumn(codes=(codes,), unknown=unknown)
        every = range(FIRST + len(state["values"]))
        return EncodedColumn(dense=tuple(codes == code for code in every), unknown=unknown)


def codes_of(column: Any, values: list[str]) -> npt.NDArray[np.int32]:
    """0 unknown, 1 missing, then the position in `values`, int32 [rows].

    Looks up each distinct value once, then each row by its code in the column's dictionary.
    """
    if pa.types.is_null(column.type):
        return np.full(len(column), MISSING, np.int32)
    whole: Any = column.dictionary_encode().unify_dictionaries().combine_chunks()
    texts = whole.dictionary.cast(pa.string())
    positions = pc.index_in(texts, pa.array(values, pa.string())).fill_null(UNKNOWN - FIRST)
    table = np.append(positions.to_numpy() + FIRST, MISSING).astype(np.int32)
    rows = whole.indices.cast(pa.int64()).fill_null(len(texts)).to_numpy()
    return table[rows]
