"""The raw profile of a run's windows, computed from the rows that ingest reads anyway."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from raytemplate.data.mask_options import DROP
from raytemplate.data.profile.stream import from_bytes, to_bytes
from raytemplate.data.profile.summary import window_profile
from raytemplate.data.profile.table import Asked, TableProfile, merge_tables, table_profile
from raytemplate.errors import DataError
from raytemplate.planning.stages import IngestStage
from raytemplate.records.profiled import DataProfile


def profile_of(rows: pa.Table, stage: IngestStage, num_dropped: int) -> TableProfile | None:
    """The profile of rows of one window; None if they cannot be profiled: a run does not fail for it."""
    try:
        return table_profile(rows, _asked(stage), num_dropped)
    except (DataError, pa.ArrowException):
        return None


def profile_bytes(rows: pa.Table, stage: IngestStage, num_dropped: int) -> bytes:
    """The same as bytes, which travel from workers; b"" if they cannot be profiled."""
    found = profile_of(rows, stage, num_dropped)
    return to_bytes(found) if found else b""


def profile_from(parts: Sequence[bytes], stage: IngestStage) -> TableProfile | None:
    """The profile of all parts of a window; None if a part has none."""
    if not all(parts):
        return None
    try:
        return merge_tables([from_bytes(part) for part in parts], _asked(stage).columns)
    except (DataError, pa.ArrowException):
        return None


def data_profile(windows: Mapping[str, TableProfile | None], stage: IngestStage) -> DataProfile | None:
    """The record of a run; None if a window has no profile."""
    bounds = {w.name: (w.start, w.end) if stage.split is None else (None, None) for w in stage.windows}
    told = [window_profile(name, found, *bounds[name]) for name, found in windows.items() if found is not None]
    if len(told) < len(stage.windows):
        return None
    return DataProfile(windows=tuple(told), target=stage.target, task=stage.task)


def _asked(stage: IngestStage) -> Asked:
    gone = {name for name, rule in stage.mask.rules.items() if rule == DROP} if stage.mask else set[str]()
    return Asked(
        columns=tuple(name for name in stage.columns if name not in {*gone, *stage.only_keys}),
        time=stage.time,
        target=stage.target,
        task=stage.task,
        positive=stage.positive,
    )
