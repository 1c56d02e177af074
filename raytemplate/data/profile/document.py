"""Profiles of tables to and from JSON: compact, because a profile may hold many values."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.profile.column import ColumnProfile, Lengths
from raytemplate.data.profile.counts import Counts
from raytemplate.data.profile.sketch import Moments, Sketch
from raytemplate.data.profile.table import TableProfile
from raytemplate.data.quantiles import QuantileProfile
from raytemplate.records import codec
from raytemplate.records.profiled import Period
from raytemplate.units import parse_moment

_WIDE, _TIME = pa.decimal128(38, 0), pa.timestamp("us", "UTC")
_TYPES: Mapping[str, Any] = {
    str(kind): kind for kind in (pa.float64(), pa.int64(), _WIDE, pa.large_string(), pa.bool_(), _TIME, pa.null())
}
_AS = {str(_WIDE): pa.string(), str(_TIME): pa.int64()}
"""Types whose values JSON does not have -> the type that they are written as."""


def to_document(profile: TableProfile) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "num_rows": profile.num_rows,
        "num_dropped": profile.num_dropped,
        "columns": {name: _column(column) for name, column in profile.columns.items()},
        "periods": codec.encode(profile.periods),
    }


def from_document(document: Mapping[str, Any]) -> TableProfile:
    """The profile.

    Raises:
        KeyError, TypeError, ValueError: it is not what `to_document` wrote.
    """
    return TableProfile(
        num_rows=document["num_rows"],
        num_dropped=document["num_dropped"],
        columns={name: _column_of(column) for name, column in document["columns"].items()},
        periods=codec.decode(Mapping[str, Period], document["periods"]),
    )


def _column(found: ColumnProfile) -> dict[str, Any]:
    is_time = found.type == "time"
    return {
        "type": found.type,
        "num_rows": found.num_rows,
        "num_null": found.num_null,
        "whole": found.whole,
        "min": codec.encode(found.min) if is_time else found.min,
        "max": codec.encode(found.max) if is_time else found.max,
        "lengths": codec.encode(found.lengths),
        "counts": _counts(found.counts),
        "sketch": _sketch(found.sketch) if found.sketch else None,
    }


def _column_of(found: Mapping[str, Any]) -> ColumnProfile:
    low, high = (parse_moment(one) if isinstance(one, str) else one for one in (found["min"], found["max"]))
    return ColumnProfile(
        type=found["type"],
        num_rows=found["num_rows"],
        num_null=found["num_null"],
        whole=found["whole"],
        min=low,
        max=high,
        lengths=codec.decode(Lengths | None, found["lengths"]),
        counts=_counts_of(found["counts"]),
        sketch=_sketch_of(found["sketch"]) if found["sketch"] else None,
    )


def _counts(counts: Counts) -> dict[str, Any]:
    kind = str(counts.values.type)
    values = counts.values.cast(_AS[kind]) if kind in _AS else counts.values
    return {"type": kind, "values": values.to_pylist(), "rows": counts.rows.to_pylist()}


def _counts_of(found: Mapping[str, Any]) -> Counts:
    kind = found["type"]
    values: Any = pa.array(found["values"], _AS.get(kind, _TYPES[kind]))
    return Counts(values=values.cast(_TYPES[kind]) if kind in _AS else values, rows=pa.array(found["rows"], pa.int64()))


def _sketch(sketch: Sketch) -> dict[str, Any]:
    return {
        "hashes": base64.b64encode(sketch.hashes.to_numpy().astype("<u8").tobytes()).decode(),
        "moments": codec.encode(sketch.moments),
        "bins": codec.encode(sketch.bins),
        "undercount": sketch.undercount,
    }


def _sketch_of(found: Mapping[str, Any]) -> Sketch:
    hashes = np.frombuffer(base64.b64decode(found["hashes"], validate=True), "<u8").astype(np.uint64)
    return Sketch(
        hashes=pa.array(hashes),
        moments=codec.decode(Moments | None, found["moments"]),
        bins=codec.decode(QuantileProfile | None, found["bins"]),
        undercount=found["undercount"],
    )
