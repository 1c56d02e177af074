"""Features of Delta tables under which a version is more than the rows of its Parquet files."""

from typing import Any

import pyarrow as pa

from raytemplate.errors import DataError

_KNOWN = frozenset(
    (
        "columnMapping",
        "deletionVectors",
        "timestampNtz",
        "typeWidening",
        "typeWidening-preview",
        "vacuumProtocolCheck",
        "v2Checkpoint",
    )
)
"""Features that do not change what is in the files; the first two are looked at more closely."""


def refuse_unreadable(table: Any, location: str) -> None:
    """Refuses a version whose rows are not simply those of its files.

    Raises:
        DataError: names the feature.
    """
    protocol, settings = table.protocol(), table.metadata().configuration
    features: frozenset[str] = frozenset(protocol.reader_features or ())
    if settings.get("delta.columnMapping.mode", "none") != "none":
        raise not_read(location, "columnMapping")
    if "deletionVectors" in features and _has_deleted_rows(table):
        raise not_read(location, "deletionVectors")
    if unknown := sorted(features - _KNOWN):
        raise not_read(location, unknown[0])


_WORDS = {
    "columnMapping": ("column mapping: its files name columns otherwise than the table does", "without column mapping"),
    "deletionVectors": (
        "deletion vectors: its files also hold rows that were deleted",
        "by REORG TABLE ... APPLY (PURGE), which removes the deleted rows",
    ),
}


def not_read(location: str, feature: str) -> DataError:
    """The error that a feature of a table is not read."""
    what, how = _WORDS.get(feature, (f"the feature {feature}", f"without {feature}"))
    return DataError(
        f"{location}: uses {what}, which raytemplate does not read", next_step=f"write the table again {how}"
    )


def _has_deleted_rows(table: Any) -> bool:
    try:
        return pa.table(table.deletion_vectors()).num_rows > 0
    except Exception:  # a vector that cannot be read is one all the same
        return True
