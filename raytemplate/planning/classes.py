"""How many classes a target has, judging by a few of its rows: the forecast needs the number, the plan does not."""

import pyarrow as pa

from raytemplate.data.conditions import target_columns
from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.data.sources.naming import SQL
from raytemplate.data.sources.reader import read_slices
from raytemplate.data.sources.source import order_of
from raytemplate.data.target import MAX_CLASSES, class_texts
from raytemplate.errors import RaytemplateError
from raytemplate.spec.schema import TemplateSpec

_PARTS = 3
"""Slices to look at."""
_MOST_BYTES = 64_000_000
"""Bytes of a slice above which its classes are not counted."""


def count_classes(spec: TemplateSpec, source: SourceTable) -> int:
    """Distinct values of the target in slices from the beginning, the middle and the end; 1 for a numeric target, 0 if
    unknown."""
    if spec.data.task != "multiclass":
        return 1 if spec.data.task == "regression" else 2
    target = target_columns(spec.data.target)[0]  # unquotes a name that would read as a condition
    if target not in source.schema or source.kind == SQL:  # a query has no slices: all its rows would be fetched
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
    except (RaytemplateError, pa.ArrowException):  # check or ingest will report it, with every other problem
        return set()
