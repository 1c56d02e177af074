"""What ingest gives in memory mode as files, and back again without losing a bit: arrays and tables are written as they
are in memory, everything else as JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.labels import LABELS, from_bytes, to_bytes
from raytemplate.evaluation.baselines import BaselineState
from raytemplate.execution.ports import Ingested
from raytemplate.records import codec
from raytemplate.records.contracted import QUARANTINE
from raytemplate.records.ingested import Snapshot
from raytemplate.records.profiled import DataProfile
from raytemplate.store.encoded_store import HashedFile, Write

Arrays = Mapping[str, NDArray[Any]]
_INGESTED, _TEST = "ingested.json", "test"


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedRows:
    """Rows as ingest hands them on, in this process."""

    ingested: Ingested
    """The result of ingest."""
    arrays: Mapping[str, Arrays]
    """Window -> its encoded rows, for train and validation."""
    test: pa.Table
    """Raw rows of the test window."""
    rows: Mapping[str, pa.Table] = field(default_factory=dict[str, pa.Table])
    """Window -> its raw rows, for train and validation, if the stage keeps them."""


def num_bytes(rows: EncodedRows) -> int:
    """About how many bytes the files will have."""
    arrays = sum(array.nbytes for one in rows.arrays.values() for array in one.values())
    return arrays + sum(int(table.nbytes) for table in (rows.test, *rows.rows.values()))


def files_of(rows: EncodedRows, quarantine: Path) -> dict[str, Write]:
    """Name -> what writes the file.

    Args:
        quarantine: the file of quarantined rows, which is copied if it exists.
    """
    shapes = {
        window: {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
        for window, arrays in rows.arrays.items()
    }
    about = _to_plain(rows.ingested) | {"arrays": shapes, "rows": list(rows.rows)}
    files: dict[str, Write] = {_INGESTED: partial(_write, json.dumps(about).encode())}
    for window, arrays in rows.arrays.items():
        files |= {f"{window}.{name}": partial(_write, np.ascontiguousarray(array)) for name, array in arrays.items()}
    tables = {_TEST: rows.test, **{f"{window}-rows": table for window, table in rows.rows.items()}}
    files |= {f"{name}.arrow": partial(_write_table, table) for name, table in tables.items()}
    if rows.ingested.labels is not None:
        files[LABELS] = partial(_write, to_bytes(rows.ingested.labels))
    if quarantine.is_file():
        files[QUARANTINE] = lambda file: _write(quarantine.read_bytes(), file)
    return files


def _write(content: Any, file: HashedFile) -> None:
    file.write(content)


def _write_table(table: pa.Table, file: HashedFile) -> None:
    sink: Any = pa.PythonFile(file, mode="w")
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


class StoredRows:
    """The same read back, part by part.

    Args:
        read: gives the bytes of a file; what it raises is passed on.
        names: the files that there are.
    """

    def __init__(self, read: Callable[[str], bytes], names: tuple[str, ...]) -> None:
        self._read, self._names = read, names
        self._about: dict[str, Any] = json.loads(read(_INGESTED))

    def ingested(self) -> Ingested:
        """The result of ingest."""
        labels = from_bytes(self._read(LABELS)) if LABELS in self._names else None
        return replace(_from_plain(self._about), labels=labels)

    def windows(self) -> tuple[str, ...]:
        """The windows that have arrays."""
        return tuple(self._about["arrays"])

    def arrays(self, window: str) -> Arrays:
        """The encoded rows of a window; read-only."""
        shapes: Mapping[str, Any] = self._about["arrays"][window]
        return {name: _array(self._read(f"{window}.{name}"), *shape) for name, shape in shapes.items()}

    def test(self) -> pa.Table:
        """Raw rows of the test window."""
        return _table(self._read(f"{_TEST}.arrow"))

    def rows(self) -> dict[str, pa.Table]:
        """Window -> its raw rows, if they were kept."""
        return {window: _table(self._read(f"{window}-rows.arrow")) for window in self._about["rows"]}

    def quarantine(self) -> bytes | None:
        """The file of quarantined rows; None if there were none."""
        return self._read(QUARANTINE) if QUARANTINE in self._names else None


def _array(content: bytes, kind: str, shape: list[int]) -> NDArray[Any]:
    return np.frombuffer(content, np.dtype(kind)).reshape(shape) if content else np.empty(shape, np.dtype(kind))


def _table(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(content)) as reader:
        return reader.read_all()


def _to_plain(found: Ingested) -> dict[str, Any]:
    # Not `codec.dumps`, which redacts: a value that looks like a secret would not be the one that was encoded.
    return {
        "snapshot": codec.encode(found.snapshot),
        "statistics": codec.encode(dict(found.statistics)),
        "features": codec.encode(found.features),
        "baseline": found.baseline.to_json().decode(),
        "profile": codec.encode(found.profile),
        "encoding_s": found.encoding_s,
    }


def _from_plain(held: Mapping[str, Any]) -> Ingested:
    return Ingested(
        snapshot=codec.decode(Snapshot, held["snapshot"]),
        statistics={name: codec.decode(FeatureStatistics, one) for name, one in held["statistics"].items()},
        features=codec.decode(FittedFeatures, held["features"]),
        baseline=BaselineState.from_json(held["baseline"]),
        profile=codec.decode(DataProfile | None, held["profile"]),
        encoding_s=held["encoding_s"],
    )
