"""Ingests with Ray Data in both modes, and keeps the data open for training and scoring."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data

from raytemplate.data.contract import Breach
from raytemplate.data.masking import KEY_FIELD
from raytemplate.data.quarantine import QuarantineFile
from raytemplate.data.snapshot import snapshot_of
from raytemplate.data.sources.naming import SQL
from raytemplate.data.windows import (
    check_windows,
)
from raytemplate.engines.ray.data.encoding import Arrays, arrays_of, fitted, statistics_of
from raytemplate.engines.ray.data.kept import KeptRows, kept_rows, with_copy
from raytemplate.engines.ray.data.keys import KeyIndexes
from raytemplate.engines.ray.data.pieces import (
    QUERY_AGAIN,
    account_of,
    dataset,
    pieces_of,
    take_accounts,
)
from raytemplate.engines.ray.data.profiling import data_profile, profile_of
from raytemplate.engines.ray.data.streamed import streamed
from raytemplate.engines.ray.data.window_rows import (
    baseline_of,
    breaches_of,
    check_contract,
    check_numbers,
    check_target_spread,
    cut_and_drop,
    labels_of_windows,
)
from raytemplate.errors import IntegrityError
from raytemplate.execution.ports import Ingested
from raytemplate.planning.stages import IngestStage
from raytemplate.records.ingested import FileRead, Snapshot
from raytemplate.records.profiled import DataProfile
from raytemplate.store.content_store import ContentStore

MEMORY = "Ray Data, one execution; encoded columns in the object store"
_BYTES_AHEAD_A_CPU = 200_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenData:
    """The data of one snapshot, open in this process."""

    stage: IngestStage
    """The stage it was opened for."""
    ingested: Ingested
    """The result of that stage."""
    refs: Mapping[str, ray.ObjectRef[Arrays]]
    """Window -> reference in the object store to {"dense", "codes", "missing", "target"} (memory mode)."""
    streams: Mapping[str, ray.data.Dataset]
    """Window -> lazy dataset of encoded rows (stream mode)."""
    test: pa.Table | ray.data.Dataset
    """Raw rows of the test window: an Arrow table (memory mode) or a lazy dataset (stream mode)."""
    rows: Mapping[str, ray.ObjectRef[pa.Table]] = field(default_factory=dict[str, "ray.ObjectRef[pa.Table]"])
    """Window -> reference to its raw rows, for train and validation; empty unless the stage keeps rows."""

    def serves(self, stage: IngestStage) -> bool:
        """Whether the kept rows are enough for a stage: it may differ from this one in its features only."""
        return bool(self.rows) and replace(stage, features=(), keeps_rows=True) == replace(self.stage, features=())


def quiet_data() -> None:
    """Silence Ray Data's progress bars and logs, and keep blocks in the order of files so that runs are repeatable."""
    import logging

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    context.enable_tensor_extension_casting = True
    # By default Ray Data wraps what a block's function raises, and our own errors are lost on the way to this process.
    context.raise_original_map_exception = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def open_data(
    stage: IngestStage, expected: Snapshot | None, quarantine: Path | None = None, store: ContentStore | None = None
) -> OpenData:
    """Read, check and encode the stage's windows.

    Args:
        expected: the snapshot that an earlier part of this run read; None on the first read.
        quarantine: where to write quarantined rows; None keeps none.
        store: where the stage's copy of its rows is kept, if it keeps one; None keeps nothing.

    Raises:
        DataError: the data cannot be used; names the file, column or window.
        IntegrityError: the bytes are not those of `expected`; names the file.
    """
    quiet_data()
    _limit_blocks(stage)
    copy = kept_rows(stage, expected, store)
    with QuarantineFile(quarantine) as apart:
        data = _in_memory(stage, apart, copy) if stage.mode == "memory" else _as_stream(stage, apart, copy)
    if expected is not None:
        _same(expected, data.ingested.snapshot)
    return data


def _limit_blocks(stage: IngestStage) -> None:
    """Limit how far streams may run ahead of their reader, so that memory does not grow with the data."""
    ahead = max(1.0, ray.cluster_resources().get("CPU", 1.0)) * _BYTES_AHEAD_A_CPU if stage.mode == "stream" else None
    limits = ray.data.ExecutionResources.for_limits(object_store_memory=ahead)
    ray.data.DataContext.get_current().execution_options.resource_limits = limits


def _in_memory(stage: IngestStage, apart: QuarantineFile, copy: KeptRows | None) -> OpenData:
    rows, accounts, breaches = _read_all(stage, copy)
    with KeyIndexes(stage, apart.folder, copy and copy.repeated) as keys:
        rows = keys.take_from(rows)
        breaches += keys.breaches()
        rows = keys.mark(rows)
    kept, dropped, judged = cut_and_drop(rows, stage)
    for part in judged:
        apart.add(part.quarantined)
    num_rows = {name: table.num_rows for name, table in kept.items()}
    found = check_contract(stage, num_rows, dropped, breaches, [part.found for part in judged])
    for name, table in kept.items():
        check_numbers(table, stage, name)
    profiles = {name: profile_of(table, stage, dropped[name]) for name, table in kept.items()}
    snapshot = snapshot_of(stage, accounts, num_rows, dropped, MEMORY, found)
    with ThreadPoolExecutor(1) as beside:  # most of it is done without Python's lock
        labels = beside.submit(labels_of_windows, kept, stage)
        data = _encode_all(kept, stage, with_copy(snapshot, copy), data_profile(profiles, stage))
    return replace(data, ingested=replace(data.ingested, labels=labels.result()))


def encode_again(data: OpenData, stage: IngestStage, expected: Snapshot | None) -> OpenData:
    """Encode the open rows with the features of another stage, which `data` must serve; nothing is read."""
    if expected is not None:
        _same(expected, data.ingested.snapshot)
    kept: dict[str, Any] = {name: ray.get(ref) for name, ref in data.rows.items()}
    return _encode_all({**kept, "test": data.test}, stage, data.ingested.snapshot, data.ingested.profile)


def _encode_all(
    kept: Mapping[str, pa.Table], stage: IngestStage, snapshot: Snapshot, profile: DataProfile | None
) -> OpenData:
    began = time.monotonic()
    found = {name: statistics_of(table, stage) for name, table in kept.items()}
    check_target_spread(found["train"])
    features, learnt = fitted(found, stage), {name: table for name, table in kept.items() if name != "test"}
    refs = {name: ray.put(arrays_of(table, features, name)) for name, table in learnt.items()}
    ingested = Ingested(
        snapshot=snapshot,
        statistics=found,
        features=features,
        baseline=baseline_of(kept["train"], stage),
        profile=profile,
        encoding_s=time.monotonic() - began,
    )
    rows = {name: ray.put(table) for name, table in learnt.items()} if stage.keeps_rows else {}
    return OpenData(stage=stage, ingested=ingested, refs=refs, streams={}, test=kept["test"], rows=rows)


def _read_all(stage: IngestStage, copy: KeptRows | None) -> tuple[pa.Table, tuple[FileRead, ...], tuple[Breach, ...]]:
    """Read everything in one Ray Data execution; its blocks are Arrow tables in the object store, not copied."""
    pieces = copy.pieces(stage) if copy else pieces_of(stage)
    refs: Any = dataset(pieces, once=True).materialize().to_arrow_refs()
    blocks: list[pa.Table] = ray.get(refs)
    breaches = tuple(breach for block in blocks for breach in breaches_of(block, stage))
    tables = [take_accounts(table) for table in blocks]
    accounts = tuple(account for _, found in tables for account in found)
    filled = [table for table, _ in tables if table.num_rows]
    if not filled:
        check_windows(stage.windows, {}, {}, stage.newest)
    rows = pa.concat_tables(filled, promote_options="none")
    return rows, account_of(stage, accounts), breaches


def _same(expected: Snapshot, found: Snapshot) -> None:
    if expected.digest == found.digest:
        return
    if expected.mask_key != found.mask_key:
        raise IntegrityError(
            f"{KEY_FIELD}: not the key with which this run masked its data before",
            next_step="set that key and resume, or start a new run",
        )
    for before, now in zip(expected.files, found.files, strict=False):
        if before != now:
            raise IntegrityError(
                f"{before.path}: not the bytes this run read before "
                f"(sha256 {before.sha256[:12]}, now {now.sha256[:12]})",
                next_step=QUERY_AGAIN if expected.source == SQL else "put the file back, or start a new run",
            )
    raise IntegrityError("the data is not the snapshot this run read before", next_step="start a new run")


def _as_stream(stage: IngestStage, apart: QuarantineFile, copy: KeptRows | None) -> OpenData:
    found = streamed(stage, apart, copy)
    return OpenData(stage=stage, ingested=found.ingested, refs={}, streams=found.windows, test=found.test)
