"""How many classes a target has, as far as a few of its rows say: a forecast must know, a plan need not."""

import pyarrow as pa

from raytemplate.data.conditions import target_columns
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.reader import read_slices
from raytemplate.data.sources.source import order_of
from raytemplate.data.target import MAX_CLASSES, class_texts
from raytemplate.errors import RaytemplateError
from raytemplate.spec.schema import TemplateSpec

_PARTS = 3
_MOST_BYTES = 64_000_000
"""Of more, in one part, only what its footer says is known."""


def count_classes(spec: TemplateSpec, source: SourceTable) -> int:
    """Different values of the target in slices from the beginning, the middle and the end; 1 for a number, and 0
    where nobody knows."""
    if spec.data.task != "multiclass":
        return 1 if spec.data.task == "regression" else 2
    target = target_columns(spec.data.target)[0]  # a name that reads as a condition stands in quotes there
    if target not in source.schema:
        return 0
    slices = [(file, one) for file in source.files for one in file.slices if one.num_rows]
    chosen = dict.fromkeys(round(part * (len(slices) - 1) / (_PARTS - 1)) for part in range(_PARTS)) if slices else ()
    seen: set[str] = set()
    for index in chosen:
        seen.update(_classes(source, *slices[index], target))
    return min(len(seen), MAX_CLASSES)


def _classes(source: SourceTable, file: SourceFile, one: Slice, target: str) -> set[str]:
    if one.bytes_of((target,)) > _MOST_BYTES:
        return set()
    try:
        column = read_slices(order_of(source, file, [one], (target,))).table.column(target)
        return {str(value) for value in class_texts(column).unique().drop_null().to_pylist()}
    except (RaytemplateError, pa.ArrowException):  # check or ingest tells of it, with all that is wrong
        return set()
