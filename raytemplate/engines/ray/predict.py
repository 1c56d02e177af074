"""Scoring new rows: files in, one file out, block by block on Ray Data."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray.data

from raytemplate.engines.ray.cluster import LocalRay
from raytemplate.engines.ray.engine import translated
from raytemplate.engines.ray.ingest import quiet_data
from raytemplate.errors import DataError
from raytemplate.models.saved import SavedModel
from raytemplate.planning.look import this_machine

PREDICTION, VERSION = "prediction", "model_version"
_UNKNOWN = "__raytemplate_unknown"
_STORE_BYTES = 1_000_000_000


def predict_files(
    model_folder: Path, version: int, files: tuple[str, ...], keep: tuple[str, ...], output: Path
) -> tuple[int, int]:
    """Score Parquet files, in order, into one Parquet file that is complete or absent.

    Returns:
        Rows written, and values of categories that the model has never seen.

    Raises:
        DataError: a column that the model needs is missing, or there are no rows.
    """
    machine = this_machine()
    store_bytes = min(_STORE_BYTES, machine.memory_bytes // 4)
    with LocalRay(num_cpus=machine.cpus, object_store_bytes=store_bytes) as cluster:
        cluster.wait()
        quiet_data()
        scored = ray.data.read_parquet(list(files)).map_batches(
            functools.partial(_predict_block, folder=str(model_folder), version=version, keep=keep),
            batch_format="pyarrow", batch_size=65_536, zero_copy_batch=True,
        )  # fmt: skip
        return translated("predict", lambda: _write(scored, output, files))


def _write(scored: ray.data.Dataset, output: Path, files: tuple[str, ...]) -> tuple[int, int]:
    scratch = output.with_name(f".{output.name}.partial")
    num_rows = num_unknown = 0
    writer: pq.ParquetWriter | None = None
    try:
        for table in cast("Iterable[pa.Table]", scored.iter_batches(batch_format="pyarrow", batch_size=None)):
            num_unknown += sum(table.column(_UNKNOWN).to_pylist()[:1])
            table = table.drop_columns([_UNKNOWN])
            writer = writer or pq.ParquetWriter(scratch, table.schema, write_page_checksum=True)
            writer.write_table(table)
            num_rows += table.num_rows
        if writer is None:
            raise DataError(f"{', '.join(files)}: no rows to predict")
        writer.close()
        scratch.replace(output)
    finally:
        scratch.unlink(missing_ok=True)
    return num_rows, num_unknown


@functools.cache
def _loaded(folder: str) -> SavedModel:
    return SavedModel.load(Path(folder))


def _predict_block(table: pa.Table, folder: str, version: int, keep: tuple[str, ...]) -> pa.Table:
    predictions, unknown = _loaded(folder).predict(table)
    kept = table.select([name for name in keep if name in table.column_names])
    scored = kept.append_column(PREDICTION, pa.array(predictions, pa.float64()))
    scored = scored.append_column(VERSION, pa.array(np.full(table.num_rows, version), pa.int32()))
    return scored.append_column(_UNKNOWN, pa.array(np.full(table.num_rows, unknown), pa.int64()))
