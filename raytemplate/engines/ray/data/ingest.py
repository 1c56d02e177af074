"""Ingests with Ray Data in both modes, and keeps the data open for training and scoring."""

import functools
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data
from numpy.typing import NDArray

from raytemplate.code.load import code_in, current_folder
from raytemplate.data.conditions import parse_condition, target_columns
from raytemplate.data.contract import Breach, refuse_breaches
from raytemplate.data.features import feature_statistics
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.judged_rows import BROKEN, REPEATED, Judged, joined, take_out
from raytemplate.data.labels import Labels, LabelsOfParts, labels_of
from raytemplate.data.labels import to_bytes as labels_to_bytes
from raytemplate.data.masking import KEY_FIELD
from raytemplate.data.quarantine import QuarantineFile, check_amount, check_quarantined, to_bytes, warned
from raytemplate.data.snapshot import snapshot_of
from raytemplate.data.sources.locations import named
from raytemplate.data.statistics import NumberProfile
from raytemplate.data.target import add_target, baseline_target, check_spread
from raytemplate.data.times import time_range
from raytemplate.data.windows import (
    DROPPED,
    SIDE,
    check_target,
    check_windows,
    cut,
    cut_by_side,
    drop_marked,
    drop_rows,
    sample_rows,
)
from raytemplate.engines.ray.data.encoding import Arrays, arrays_of, fitted, statistics_of
from raytemplate.engines.ray.data.kept import KeptRows, kept_rows
from raytemplate.engines.ray.data.keys import KeyIndexes, Repeated, keys_of, with_repeats
from raytemplate.engines.ray.data.pieces import (
    QUERY_AGAIN,
    account_of,
    breaches_in,
    dataset,
    pieces_of,
    take_accounts,
)
from raytemplate.engines.ray.data.profiling import data_profile, profile_bytes, profile_from, profile_of
from raytemplate.errors import DataError, IntegrityError
from raytemplate.evaluation import baselines
from raytemplate.execution.ports import Ingested
from raytemplate.planning.stages import IngestStage, Window
from raytemplate.records import codec
from raytemplate.records.contracted import ContractFound
from raytemplate.records.ingested import FileRead, Snapshot
from raytemplate.records.profiled import DataProfile
from raytemplate.store.content_store import ContentStore

MEMORY = "Ray Data, one execution; encoded columns in the object store"
_BYTES_AHEAD_A_CPU = 200_000_000
STREAM = "Ray Data, one pass for statistics; streaming split while training"


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
        data = _in_memory(stage, apart, copy) if stage.mode == "memory" else _streamed(stage, apart, copy)
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
    kept, dropped, judged = _cut_and_drop(rows, stage)
    for part in judged:
        apart.add(part.quarantined)
    num_rows = {name: table.num_rows for name, table in kept.items()}
    found = _check_rows(stage, num_rows, dropped, breaches, [part.found for part in judged])
    for name, table in kept.items():
        _check_numbers(table, stage, name)
    profiles = {name: profile_of(table, stage, dropped[name]) for name, table in kept.items()}
    snapshot = snapshot_of(stage, accounts, num_rows, dropped, MEMORY, found)
    with ThreadPoolExecutor(1) as beside:  # most of it is done without Python's lock
        labels = beside.submit(_labels, kept, stage)
        data = _encode_all(kept, stage, _with_copy(snapshot, copy), data_profile(profiles, stage))
    return replace(data, ingested=replace(data.ingested, labels=labels.result()))


def _labels(kept: Mapping[str, pa.Table], stage: IngestStage) -> Labels | None:
    """The labels of the rows of all windows."""
    # Keys may name a customer, who has a row each month: the time tells which of them it is.
    keys = stage.keys if stage.time in ("", *stage.keys) else (*stage.keys, stage.time)
    columns = tuple(dict.fromkeys((*keys, stage.target)))
    if not stage.keys or any(name not in table.column_names for table in kept.values() for name in columns):
        return None
    rows = [table.select(list(columns)) for table in kept.values()]
    return labels_of(pa.concat_tables(rows, promote_options="permissive"), keys, stage.target, stage.task)


def _with_copy(snapshot: Snapshot, copy: KeptRows | None) -> Snapshot:
    return replace(snapshot, kept=copy.digest) if copy else snapshot


def _check_rows(
    stage: IngestStage,
    num_rows: Mapping[str, int],
    dropped: Mapping[str, int],
    breaches: Sequence[Breach],
    judged: Sequence[ContractFound],
) -> ContractFound | None:
    """What the contract found in single rows, if it may leave rows out or warn; raises if the run cannot go on."""
    found = None if stage.promises is None else joined([*judged, *warned(breaches)])
    if found and stage.promises:
        check_quarantined(stage.promises, found, num_rows)
    check_windows(stage.windows, num_rows, dropped, stage.newest)
    refuse_breaches(breaches, sum(num_rows.values()) + (found.num_quarantined + found.num_dropped if found else 0))
    if found and stage.promises:
        check_amount(stage.promises, found, num_rows, stage.windows[-1].end)
    return found


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
    _check_spread(found["train"])
    features, learnt = fitted(found, stage), {name: table for name, table in kept.items() if name != "test"}
    refs = {name: ray.put(arrays_of(table, features, name)) for name, table in learnt.items()}
    ingested = Ingested(
        snapshot=snapshot,
        statistics=found,
        features=features,
        baseline=_baseline(kept["train"], stage),
        profile=profile,
        encoding_s=time.monotonic() - began,
    )
    rows = {name: ray.put(table) for name, table in learnt.items()} if stage.keeps_rows else {}
    return OpenData(stage=stage, ingested=ingested, refs=refs, streams={}, test=kept["test"], rows=rows)


def _baseline(train: pa.Table, stage: IngestStage) -> baselines.BaselineState:
    rows = baseline_target(train, stage.target, stage.task, stage.positive)
    try:
        return baselines.fit_baseline(rows, stage.baseline, stage.target, stage.task)
    except ValueError as error:
        raise DataError(f"evaluation.baseline: {error}") from error


def _check_numbers(table: pa.Table, stage: IngestStage, window: str, *, part: bool = False) -> None:
    if stage.task == "regression":
        check_target(table, stage.target, window, part=part)


def _read_all(stage: IngestStage, copy: KeptRows | None) -> tuple[pa.Table, tuple[FileRead, ...], tuple[Breach, ...]]:
    """Read everything in one Ray Data execution; its blocks are Arrow tables in the object store, not copied."""
    pieces = copy.pieces(stage) if copy else pieces_of(stage)
    refs: Any = dataset(pieces, once=True).materialize().to_arrow_refs()
    blocks: list[pa.Table] = ray.get(refs)
    breaches = tuple(breach for block in blocks for breach in _breaches(block, stage))
    tables = [take_accounts(table) for table in blocks]
    accounts = tuple(account for _, found in tables for account in found)
    filled = [table for table, _ in tables if table.num_rows]
    if not filled:
        check_windows(stage.windows, {}, {}, stage.newest)
    rows = pa.concat_tables(filled, promote_options="none")
    return rows, account_of(stage, accounts), breaches


def _breaches(block: pa.Table, stage: IngestStage) -> tuple[Breach, ...]:
    """Breaches of the contract that reading has found in a block's rows. Needs the account column."""
    return tuple(replace(one, location=named(one.location, Path(stage.root))) for one in breaches_in(block))


def _cut_and_drop(rows: pa.Table, stage: IngestStage) -> tuple[dict[str, pa.Table], dict[str, int], tuple[Judged, ...]]:
    """The rows of each window without those left out, how many `data.drop` left out, and what the contract found."""
    kept: dict[str, pa.Table] = {}
    dropped: dict[str, int] = {}
    judged: list[Judged] = []
    found = cut(rows, stage.time, stage.windows) if stage.split is None else cut_by_side(rows, stage.windows)
    for name, table in found.items():
        rest, dropped[name] = _drop(_sampled(table, stage, name), stage.drop)
        for marks in (BROKEN, REPEATED):
            if marks in rest.column_names:
                rest, one = take_out(rest, name, lambda path: named(path, Path(stage.root)), stage.keys, marks)
                judged.append(one)
        judged += _newest(rest, stage)
        kept[name] = add_target(rest, stage.target)
    return kept, dropped, tuple(judged)


def _newest(rows: pa.Table, stage: IngestStage) -> list[Judged]:
    """The newest time of the rows, if the contract promises how old it may be."""
    if not stage.time or not stage.promises or not stage.promises.freshness_s:
        return []
    return [Judged(found=ContractFound(newest=time_range(rows.column(stage.time))[1]))]


def _sampled(table: pa.Table, stage: IngestStage, window: str) -> pa.Table:
    """The window's sample of rows. It depends only on columns the template itself reads, not on the champion's."""
    share = next(w.share for w in stage.windows if w.name == window)
    own = {*([stage.time] if stage.time else []), *target_columns(stage.target)}
    own.update(stage.feature_columns)
    return sample_rows(table, sorted(own), share, stage.seed, as_it_stands=stage.rules is None)


def _drop(table: pa.Table, condition: str) -> tuple[pa.Table, int]:
    if DROPPED in table.column_names:
        return drop_marked(table)
    return drop_rows(table, parse_condition(condition).expression(table.schema)) if condition else (table, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """Statistics of the rows of one window in one block, small enough to send to the driver."""

    window: str
    """Name of the window."""
    num_dropped: int
    """Rows removed by `drop`."""
    statistics: FeatureStatistics
    """Statistics of the rows that are left."""
    baseline: str
    """State of the baseline as JSON; "" outside the train window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """Everything that the first pass reports about one block."""

    parts: tuple[_Part, ...]
    """Statistics, by window."""
    accounts: tuple[FileRead, ...]
    """The bytes that the block was made from."""
    breaches: tuple[Breach, ...]
    """Breaches of the contract."""
    judged: tuple[ContractFound, ...] = ()
    """What the contract found in the block's rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pass:
    """Everything that the first pass reports."""

    parts: list[_Part]
    """Statistics, by window and block."""
    profiles: list[bytes]
    """The raw profile of each part."""
    accounts: list[FileRead]
    """The bytes that were read."""
    breaches: list[Breach]
    """Breaches of the contract."""
    judged: list[ContractFound]
    """What the contract found."""
    labels: Labels | None
    """The labels of the rows; None if there are no keys."""


def _streamed(stage: IngestStage, apart: QuarantineFile, copy: KeptRows | None) -> OpenData:
    with KeyIndexes(stage, apart.folder, copy and copy.repeated) as keys:
        found = _first_pass(stage, apart, keys, copy)
        repeated = keys.repeated()
        breaches = [*found.breaches, *keys.breaches()]
        if copy is None and any(len(one) for one in keys.told()):  # their rows are already in the statistics
            apart.begin_again()
            found = _first_pass(stage, apart, keys, copy, repeated)
    accounts = found.accounts
    ingested = _merged(stage, found, account_of(stage, accounts), breaches)
    ingested = replace(ingested, snapshot=_with_copy(ingested.snapshot, copy), labels=found.labels)
    rows = {w.name: _rows(stage, w, accounts, copy, repeated) for w in stage.windows}
    test = rows.pop("test")
    streams = {name: _encoded(name, window_rows, ingested.features) for name, window_rows in rows.items()}
    return OpenData(stage=stage, ingested=ingested, refs={}, streams=streams, test=test)


def _first_pass(
    stage: IngestStage,
    apart: QuarantineFile,
    keys: KeyIndexes,
    copy: KeptRows | None,
    repeated: Repeated = (),
) -> _Pass:
    pieces = copy.pieces(stage) if copy else pieces_of(stage, repeated=repeated)
    blocks = dataset(pieces).map_batches(
        functools.partial(_statistics, stage=stage, code=current_folder(), repeated=copy.repeated if copy else ()),
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
    )
    parts: list[_Part] = []
    profiles: list[bytes] = []
    accounts: list[FileRead] = []
    breaches: list[Breach] = []
    judged: list[ContractFound] = []
    labels = LabelsOfParts()
    for row in blocks.iter_rows():
        block = codec.decode(_Block, json.loads(row["block"]))
        parts += block.parts
        profiles += row["profiles"]
        accounts += block.accounts
        breaches += block.breaches
        judged += block.judged
        apart.add_bytes(row["quarantined"])
        keys.add(row["keys"])
        labels.add(row["labels"])
    return _Pass(
        parts=parts, profiles=profiles, accounts=accounts, breaches=breaches, judged=judged, labels=labels.all()
    )


def _merged(
    stage: IngestStage,
    passed: _Pass,
    accounts: tuple[FileRead, ...],
    breaches: list[Breach],
) -> Ingested:
    """Merge the statistics of all blocks, in the order of the blocks."""
    by_window = {w.name: [p for p in passed.parts if p.window == w.name] for w in stage.windows}
    num_rows = {name: sum(p.statistics.num_rows for p in ps) for name, ps in by_window.items()}
    dropped = {name: sum(p.num_dropped for p in ps) for name, ps in by_window.items()}
    contract = _check_rows(stage, num_rows, dropped, breaches, passed.judged)
    found = {
        name: functools.reduce(feature_statistics.merge, (p.statistics for p in ps)) for name, ps in by_window.items()
    }
    _check_spread(found["train"])
    profiled = list(zip(passed.parts, passed.profiles, strict=True))
    profiles = {
        name: profile_from([found for part, found in profiled if part.window == name], stage) for name in by_window
    }
    states = [baselines.BaselineState.from_json(p.baseline) for p in by_window["train"] if p.baseline]
    return Ingested(
        snapshot=snapshot_of(stage, accounts, num_rows, dropped, STREAM, contract),
        statistics=found,
        features=fitted(found, stage),
        baseline=functools.reduce(baselines.merge, states),
        profile=data_profile(profiles, stage),
    )


def _check_spread(train: FeatureStatistics) -> None:
    if isinstance(train.target, NumberProfile):
        check_spread(train.target, train.target_column)


def _statistics(table: pa.Table, stage: IngestStage, code: Path | None, repeated: Repeated) -> pa.Table:
    """The statistics of a block as JSON, in a table of one row. Runs on workers."""
    with code_in(code) if code else nullcontext():
        return _block_of(table, stage, repeated)


def _block_of(table: pa.Table, stage: IngestStage, repeated: Repeated = ()) -> pa.Table:
    rows, accounts = take_accounts(table)
    rows, keys = keys_of(with_repeats(rows, stage, repeated), stage)
    kept, dropped, judged = _cut_and_drop(rows, stage)
    parts = tuple(
        _part(stage, name, part, dropped[name]) for name, part in kept.items() if part.num_rows or dropped[name]
    )
    profiles = [profile_bytes(kept[one.window], stage, one.num_dropped) for one in parts]
    found = (joined(one.found for one in judged),) if judged else ()
    block = _Block(parts=parts, accounts=accounts, breaches=_breaches(table, stage), judged=found)
    quarantined, labels = to_bytes([one.quarantined for one in judged]), _labels(kept, stage)
    columns: dict[str, Any] = {
        "block": pa.array([json.dumps(codec.encode(block))], pa.large_string()),
        "profiles": pa.array([profiles], pa.list_(pa.large_binary())),
        "quarantined": pa.array([quarantined], pa.large_binary()),
        "keys": pa.array([[one.tobytes() for one in keys]], pa.list_(pa.large_binary())),
        "labels": pa.array([labels_to_bytes(labels) if labels else b""], pa.large_binary()),
    }
    return pa.table(columns)


def _part(stage: IngestStage, window: str, rows: pa.Table, num_dropped: int) -> _Part:
    if rows.num_rows:
        _check_numbers(rows, stage, window, part=True)
    baseline = ""
    if window == "train":
        baseline = _baseline(rows, stage).to_json().decode()
    return _Part(
        window=window,
        num_dropped=num_dropped,
        statistics=statistics_of(rows, stage),
        baseline=baseline,
    )


def _rows(
    stage: IngestStage,
    window: Window,
    accounts: Sequence[FileRead],
    copy: KeptRows | None,
    repeated: Repeated,
) -> ray.data.Dataset:
    """Raw rows of one window as a lazy dataset, which refuses other bytes than those the first pass read."""
    pieces = copy.pieces(stage, window) if copy else pieces_of(stage, window, accounts, repeated)
    return dataset(pieces).map_batches(
        functools.partial(_keep, stage=stage, window=window.name, repeated=copy.repeated if copy else ()),
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
    )


def _keep(table: pa.Table, stage: IngestStage, window: str, repeated: Repeated = ()) -> pa.Table:
    rows, _ = take_accounts(table)
    rows, _ = keys_of(with_repeats(rows, stage, repeated), stage)
    rows = rows.drop_columns([SIDE]) if SIDE in rows.column_names else rows
    rows = _drop(_sampled(rows, stage, window), stage.drop)[0]
    for marks in (BROKEN, REPEATED):
        rows = take_out(rows, window, str, column=marks)[0] if marks in rows.column_names else rows
    return add_target(rows, stage.target)


def _encoded(window: str, rows: ray.data.Dataset, features: FittedFeatures) -> ray.data.Dataset:
    return rows.map_batches(
        functools.partial(_encode_block, features=features, window=window, code=current_folder()),
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
    )


def _encode_block(table: pa.Table, features: FittedFeatures, window: str, code: Path | None) -> dict[str, NDArray[Any]]:
    with code_in(code) if code else nullcontext():
        arrays = dict(arrays_of(table, features, window))
    return {name: value for name, value in arrays.items() if value.size or value.ndim == 1}


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
                next_step=QUERY_AGAIN if expected.source == "sql" else "put the file back, or start a new run",
            )
    raise IntegrityError("the data is not the snapshot this run read before", next_step="start a new run")
