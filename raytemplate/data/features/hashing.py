"""`hashing`: any number of distinct values share the codes of a fixed number of buckets; nothing is fitted."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.features.categorical import Categorical
from raytemplate.data.features.kind import EncodedColumn, Outputs, Profiled, as_it_is
from raytemplate.data.features.options import HashingOptions
from raytemplate.data.statistics import PresenceProfile

MISSING, FIRST = 0, 1


class Hashing:
    """Buckets. Code 0 is missing; others are BLAKE2b of the value as text modulo the number of buckets, so that new
    values have one, too."""

    profiled: Profiled = "presence"

    accepts = staticmethod(Categorical.accepts)
    prepare = staticmethod(as_it_is)

    @staticmethod
    def fit(profile: PresenceProfile, options: HashingOptions) -> Mapping[str, Any]:
        """The number of buckets."""
        del profile
        return {"buckets": options.buckets}

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """One code column of the same name."""
        return Outputs(codes=((column, FIRST + int(state["buckets"])),))

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """Codes, int32 [rows]."""
        if pa.types.is_null(column.type):
            return EncodedColumn(codes=(np.full(len(column), MISSING, np.int32),))
        whole: Any = column.dictionary_encode().unify_dictionaries().combine_chunks()
        texts: list[str] = whole.dictionary.cast(pa.string()).to_pylist()
        codes = [FIRST + bucket_of(text, int(state["buckets"])) for text in texts]
        rows = whole.indices.cast(pa.int64()).fill_null(len(codes)).to_numpy()
        return EncodedColumn(codes=(np.array([*codes, MISSING], np.int32)[rows],))


def bucket_of(text: str, num_buckets: int) -> int:
    """The bucket of a text, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") % num_buckets
