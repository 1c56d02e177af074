"""Scores new rows block by block on Ray Data: files in, one file out."""

import functools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import ray.data
from pyarrow.csv import CSVWriter

from raytemplate.data.reserved import INTERNAL, VERSION
from raytemplate.data.sources.listing import SourceTable
from raytemplate.engines.ray.clusters.cluster import LocalRay
from raytemplate.engines.ray.clusters.lost import ending_with_ray
from raytemplate.engines.ray.clusters.translated import translated
from raytemplate.engines.ray.data.ingest import quiet_data
from raytemplate.engines.ray.data.pieces import by_file, dataset, pieces_of_listing, take_accounts
from raytemplate.errors import DataError, EngineError
from raytemplate.models.saved import About, SavedModel, read_mask
from raytemplate.planning.look import this_machine
from raytemplate.store.atomic import storage_errors

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

_UNKNOWN = f"{INTERNAL}unknown"
_STORE_BYTES = 1_000_000_000


def predict_files(model_folder: Path, version: int, source: SourceTable, about: About, output: Path) -> tuple[int, int]:
    """Score every row of a source, in order, into one file that is complete or absent.

    Args:
        output: the file; CSV if its name ends in .csv, otherwise Parquet.

    Returns:
        The number of rows written, and the number of category values that the model does not know.

    Raises:
        DataError: a column that the model needs is missing.
    """
    machine = this_machine()
    store_bytes = min(_STORE_BYTES, machine.memory_bytes // 4)
    columns = tuple(name for name in dict.fromkeys((*about.columns, *about.keys)) if name in source.schema)
    with (
        ending_with_ray(functools.partial(_leave_nothing, output)),
        LocalRay(num_cpus=machine.cpus, object_store_bytes=store_bytes) as cluster,
    ):
        cluster.wait()
        quiet_data()
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its errors are also raised, and shown in one line
        mask = read_mask(model_folder)
        masks = functools.partial(_masked_rows, folder=str(model_folder)) if mask else None
        pieces = pieces_of_listing(source, columns, mask.columns if mask else (), masks)
        scored = dataset(pieces).map_batches(
            functools.partial(_predict_block, folder=str(model_folder), version=version, keep=about.keys),
            batch_format="pyarrow",
            batch_size=65_536,
            zero_copy_batch=True,
        )
        with storage_errors(output):
            return translated("predict", lambda: _write(scored, output))


def _scratch(output: Path) -> Path:
    return output.with_name(f".{output.name}.partial")


def _leave_nothing(output: Path, error: EngineError) -> EngineError:
    _scratch(output).unlink(missing_ok=True)
    error.next_step = "the same command again; nothing was written"
    return error


def _write(scored: ray.data.Dataset, output: Path) -> tuple[int, int]:
    scratch = _scratch(output)
    num_rows = num_unknown = 0
    writer: Any = None
    try:
        for table in cast("Iterable[pa.Table]", scored.iter_batches(batch_format="pyarrow", batch_size=None)):
            num_unknown += int(pc.sum(table.column(_UNKNOWN)).as_py() or 0)
            table = table.drop_columns([_UNKNOWN])
            writer = writer or _writer(output, scratch, table.schema)
            writer.write_table(table)
            num_rows += table.num_rows
        assert writer is not None  # a source without rows is refused when it is listed
        writer.close()
        scratch.replace(output)
    finally:
        scratch.unlink(missing_ok=True)
    return num_rows, num_unknown


def _writer(output: Path, scratch: Path, schema: pa.Schema) -> Any:
    if output.suffix == ".csv":
        return CSVWriter(scratch, schema)
    return pq.ParquetWriter(scratch, schema, write_page_checksum=True)


@functools.cache
def _loaded(folder: str) -> SavedModel:
    return SavedModel.load(Path(folder))


def _masked_rows(rows: pa.Table, folder: str) -> pa.Table:
    """Part of reading, so that no other process sees the values."""
    return _loaded(folder).masked(rows)


def _predict_block(table: pa.Table, folder: str, version: int, keep: tuple[str, ...]) -> pa.Table:
    files = by_file(table)
    table, _ = take_accounts(table)
    model = _loaded(folder)
    try:
        predictions, unknown = model.predict(table, masked=True)
    except DataError:
        _blame(model, files)
        raise
    kept = table.select([name for name in keep if name in table.column_names])
    scored = kept
    for name, values in model.as_columns(predictions).items():
        kind = pa.string() if values.dtype == object else pa.float64()
        scored = scored.append_column(name, pa.array(values, kind))
    scored = scored.append_column(VERSION, pa.array(np.full(table.num_rows, version), pa.int32()))
    # The batch's count is in its first row only, because Ray Data joins batches into blocks.
    counted = np.zeros(table.num_rows, np.int64)
    counted[:1] = unknown
    return scored.append_column(_UNKNOWN, pa.array(counted))


def _blame(model: SavedModel, files: Iterable[tuple[str, pa.Table]]) -> None:
    """Raise the same error again, naming the file whose rows alone cause it."""
    for path, rows in files:
        try:
            model.predict(rows, masked=True)
        except DataError as error:
            raise DataError(f"{path}: {error.what}" if path else error.what, next_step=error.next_step) from error
