"""How many classes a target has, as far as a few of its rows say: a forecast must know, a plan need not."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from raytemplate.data.conditions import target_columns
from raytemplate.data.sources.listing import RowGroup, SourceFile, SourceTable
from raytemplate.data.sources.locations import joined
from raytemplate.data.sources.reader import read_file
from raytemplate.data.sources.source import SliceOrder
from raytemplate.data.target import MAX_CLASSES, class_texts
from raytemplate.errors import RaytemplateError
from raytemplate.spec.schema import TemplateSpec

_PARTS = 3
_MOST_BYTES = 64_000_000
"""Of more, in one part, only what its footer says is known."""


def count_classes(spec: TemplateSpec, source: SourceTable) -> int:
    """Different values of the target in row groups from the beginning, the middle and the end; 1 for a number, and 0
    where nobody knows."""
    if spec.data.task != "multiclass":
        return 1 if spec.data.task == "regression" else 2
    target = target_columns(spec.data.target)[0]  # a name that reads as a condition stands in quotes there
    if target not in source.schema:
        return 0
    groups = [(file, group) for file in source.files for group in file.row_groups if group.num_rows]
    chosen = dict.fromkeys(round(part * (len(groups) - 1) / (_PARTS - 1)) for part in range(_PARTS)) if groups else ()
    seen: set[str] = set()
    for index in chosen:
        seen.update(_classes(source, *groups[index], target))
    return min(len(seen), MAX_CLASSES)


def _classes(source: SourceTable, file: SourceFile, group: RowGroup, target: str) -> set[str]:
    if group.bytes_of((target,)) > _MOST_BYTES:
        return set()
    order = SliceOrder(
        path=joined(source.root, file.path), footer_sha256=file.footer_sha256, row_groups=(group.index,),
        ranges=(group.range,) if group.range else (), columns=(target,), start=datetime.min, end=datetime.max,
        file_columns=file.columns, reading=source.reading, storage=source.storage,
    )  # fmt: skip
    kinds = {name: source.schema[name] for name in file.partitions}
    try:
        column = read_file(source.kind, order, file.partitions, kinds).table.column(target)
        return {str(value) for value in class_texts(column).unique().drop_null().to_pylist()}
    except (RaytemplateError, pa.ArrowException):  # check or ingest tells of it, with all that is wrong
        return set()
