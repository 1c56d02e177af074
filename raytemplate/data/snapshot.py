"""The snapshot: exactly which bytes, columns and windows were read, and which rows were left out."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from raytemplate.data.masking import Mask
from raytemplate.data.promises import Promises, leaving_out
from raytemplate.data.split import Split
from raytemplate.data.windows import Bounds
from raytemplate.errors import UsageError
from raytemplate.records.codec import Settings, canonical
from raytemplate.records.contracted import ContractFound
from raytemplate.records.ingested import FileRead, Snapshot, WindowRead


class ReadRule(Protocol):
    """What decides which rows and columns are read, such as a plan's `IngestStage`."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def time(self) -> str: ...

    @property
    def drop(self) -> str: ...

    @property
    def split(self) -> Split | None: ...

    @property
    def windows(self) -> Sequence[Bounds]: ...

    @property
    def source(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def mask(self) -> Mask | None: ...

    @property
    def contract(self) -> Settings: ...

    @property
    def promises(self) -> Promises | None: ...


def snapshot_digest(
    files: Sequence[FileRead], columns: Sequence[str], windows: Sequence[WindowRead], rule: Mapping[str, Any]
) -> str:
    """sha256 (64 hex digits) of the bytes read, the columns, the windows and the row rule.

    The order of the files, bytes that were not read and the engine that read them do not matter.

    Args:
        rule: everything else that decides which rows are included, as plain JSON values: the time column, `drop`, the
            id of the split and the version of a source that has versions.
    """
    read = sorted([f.path, list(f.row_groups), f.bytes_read, f.sha256] for f in files)
    material = canonical({"files": read, "columns": list(columns), "windows": list(windows), "rule": dict(rule)})
    return hashlib.sha256(material.encode()).hexdigest()


def snapshot_of(
    stage: ReadRule,
    files: Sequence[FileRead],
    num_rows: Mapping[str, int],
    num_dropped: Mapping[str, int],
    engine: str,
    contract: ContractFound | None = None,
) -> Snapshot:
    """The snapshot of what a stage read, with its files sorted by path.

    Args:
        num_rows: rows of each window that `data.drop` kept, by window name.
        num_dropped: rows of each window that `data.drop` took out, by window name.
        engine: what executed the reads, in words.
        contract: what the contract found in single rows.

    Raises:
        UsageError: the machines that read have different keys for `data.mask`.
    """
    ordered = tuple(sorted(files, key=lambda f: (f.path, f.row_groups)))
    windows = tuple(
        WindowRead(name=w.name, start=w.start, end=w.end, num_rows=num_rows[w.name], num_dropped=num_dropped[w.name])
        for w in stage.windows
    )
    rule = {"time": stage.time, "drop": stage.drop, **({"split": stage.split.id} if stage.split else {})}
    rule |= {"version": stage.version} if stage.version else {}
    rule |= {"mask": stage.mask.rules} if stage.mask else {}
    keys = sorted({one for file in files for one in file.mask_key.split("/") if one})
    if len(keys) > 1:
        raise UsageError(
            "data.mask_key: the machines that read have different keys", next_step="set the same key on all of them"
        )
    rule |= {"mask_key": keys[0]} if keys else {}
    out = leaving_out(stage.contract, stage.promises) if stage.promises else []
    rule |= {"contract": out} if out else {}
    return Snapshot(
        digest=snapshot_digest(ordered, stage.columns, windows, rule),
        files=ordered,
        columns=stage.columns,
        windows=windows,
        bytes_read=sum(f.bytes_read for f in ordered),
        engine=engine,
        source=stage.source,
        version=stage.version,
        name=stage.name,
        contract=contract,
    )
