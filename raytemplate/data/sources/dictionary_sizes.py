"""How large the texts of a row group are once they are decoded, from its dictionaries.

A footer does not tell: it counts a text that a million rows repeat once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers


def may_repeat(chunks: Sequence[Any], from_bytes: int) -> tuple[str, ...]:
    """Columns, as the file names them, whose texts might take more than `from_bytes` bytes by what a footer tells."""
    return tuple(
        chunk.path_in_schema
        for chunk in chunks
        if chunk.physical_type == "BYTE_ARRAY"
        and chunk.has_dictionary_page
        and chunk.num_values * max(chunk.total_uncompressed_size, chunk.total_compressed_size) > from_bytes
    )


def decoded_bytes(file: Any, row_group: int, columns: Sequence[str]) -> int:
    """Bytes of the texts of these columns once each row has its own.

    Args:
        file: a `pyarrow.parquet.ParquetFile` that keeps these columns as dictionaries.
    """
    table = file.read_row_groups([row_group], columns=list(columns), use_threads=False)
    return sum(_bytes_of(chunk) for column in table.columns for chunk in column.chunks)


def _bytes_of(array: Any) -> int:
    if not isinstance(array, pa.DictionaryArray):
        return int(array.nbytes)
    sizes = pc.fill_null(pc.binary_length(array.dictionary), 0).to_numpy(zero_copy_only=False)
    used = np.bincount(array.indices.drop_null().to_numpy(zero_copy_only=False), minlength=len(sizes))
    return int(np.dot(used.astype(np.int64), sizes.astype(np.int64)))
