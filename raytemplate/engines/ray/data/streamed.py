"""Rows of which there are too many to hold: one pass for statistics, then a lazy dataset for each window."""

import functools
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data
from numpy.typing import NDArray

from raytemplate.code.load import code_in, current_folder
from raytemplate.data.contract import Breach
from raytemplate.data.features import feature_statistics
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.judged_rows import BROKEN, REPEATED, joined, take_out
from raytemplate.data.labels import Labels, LabelsOfParts
from raytemplate.data.labels import to_bytes as labels_to_bytes
from raytemplate.data.quarantine import QuarantineFile, to_bytes
from raytemplate.data.snapshot import snapshot_of
from raytemplate.data.target import add_target
from raytemplate.data.windows import (
    SIDE,
)
from raytemplate.engines.ray.data.encoding import arrays_of, fitted, statistics_of
from raytemplate.engines.ray.data.kept import KeptRows, with_copy
from raytemplate.engines.ray.data.keys import KeyIndexes, Repeated, keys_of, with_repeats
from raytemplate.engines.ray.data.pieces import (
    account_of,
    dataset,
    pieces_of,
    take_accounts,
)
from raytemplate.engines.ray.data.profiling import data_profile, profile_bytes, profile_from
from raytemplate.engines.ray.data.window_rows import (
    baseline_of,
    breaches_of,
    check_contract,
    check_numbers,
    check_target_spread,
    cut_and_drop,
    labels_of_windows,
    sampled,
    without_dropped,
)
from raytemplate.evaluation import baselines
from raytemplate.execution.ports import Ingested
from raytemplate.planning.stages import IngestStage, Window
from raytemplate.records import codec
from raytemplate.records.contracted import ContractFound
from raytemplate.records.ingested import FileRead

STREAM = "Ray Data, one pass for statistics; streaming split while training"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """The rows of a stage that are read again whenever they are needed."""

    ingested: Ingested
    """The result of the first pass."""
    windows: Mapping[str, ray.data.Dataset]
    """Window -> lazy dataset of encoded rows, for train and validation."""
    test: ray.data.Dataset
    """Lazy dataset of the raw rows of the test window."""


def streamed(stage: IngestStage, apart: QuarantineFile, copy: KeptRows | None) -> Streamed:
    """Read the rows once for their statistics; see `ingest.open_data`."""
    with KeyIndexes(stage, apart.folder, copy and copy.repeated) as keys:
        found = _first_pass(stage, apart, keys, copy)
        repeated = keys.repeated()
        breaches = [*found.breaches, *keys.breaches()]
        if copy is None and any(len(one) for one in keys.told()):  # their rows are already in the statistics
            apart.begin_again()
            found = _first_pass(stage, apart, keys, copy, repeated)
    accounts = found.accounts
    ingested = _merged(stage, found, account_of(stage, accounts), breaches)
    ingested = replace(ingested, snapshot=with_copy(ingested.snapshot, copy), labels=found.labels)
    rows = {w.name: _rows(stage, w, accounts, copy, repeated) for w in stage.windows}
    test = rows.pop("test")
    streams = {name: _encoded(name, window_rows, ingested.features) for name, window_rows in rows.items()}
    return Streamed(ingested=ingested, windows=streams, test=test)


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
    contract = check_contract(stage, num_rows, dropped, breaches, passed.judged)
    found = {
        name: functools.reduce(feature_statistics.merge, (p.statistics for p in ps)) for name, ps in by_window.items()
    }
    check_target_spread(found["train"])
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


def _statistics(table: pa.Table, stage: IngestStage, code: Path | None, repeated: Repeated) -> pa.Table:
    """The statistics of a block as JSON, in a table of one row. Runs on workers."""
    with code_in(code) if code else nullcontext():
        return _block_of(table, stage, repeated)


def _block_of(table: pa.Table, stage: IngestStage, repeated: Repeated = ()) -> pa.Table:
    rows, accounts = take_accounts(table)
    rows, keys = keys_of(with_repeats(rows, stage, repeated), stage)
    kept, dropped, judged = cut_and_drop(rows, stage)
    parts = tuple(
        _part(stage, name, part, dropped[name]) for name, part in kept.items() if part.num_rows or dropped[name]
    )
    profiles = [profile_bytes(kept[one.window], stage, one.num_dropped) for one in parts]
    found = (joined(one.found for one in judged),) if judged else ()
    block = _Block(parts=parts, accounts=accounts, breaches=breaches_of(table, stage), judged=found)
    quarantined, labels = to_bytes([one.quarantined for one in judged]), labels_of_windows(kept, stage)
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
        check_numbers(rows, stage, window, part=True)
    baseline = ""
    if window == "train":
        baseline = baseline_of(rows, stage).to_json().decode()
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
    rows = without_dropped(sampled(rows, stage, window), stage.drop)[0]
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
