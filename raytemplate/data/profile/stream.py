"""Profiles of tables to and from bytes: one Arrow stream, whose arrays are used as they are when it is read.

It has one row. Each of its columns is one array of a column's profile, as a list; everything else is JSON in the
stream's metadata.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.profile.column import ColumnProfile, Lengths, Limit
from raytemplate.data.profile.counts import Counts
from raytemplate.data.profile.sketch import Moments, Sketch
from raytemplate.data.profile.table import TableProfile
from raytemplate.data.quantiles import QuantileProfile
from raytemplate.data.times import EPOCH
from raytemplate.records.profiled import Period

_METADATA = b"raytemplate.profile"
_MICROSECOND = timedelta(microseconds=1)


def to_bytes(profile: TableProfile) -> bytes:
    """The profile as an Arrow stream."""
    document = {
        "num_rows": profile.num_rows,
        "num_dropped": profile.num_dropped,
        "columns": [[name, *_facts(column)] for name, column in profile.columns.items()],
        "periods": [[name, *astuple(period)] for name, period in profile.periods.items()],
    }
    arrays = [_listed(array) for column in profile.columns.values() for array in _arrays(column)]
    fields = [pa.field("", array.type) for array in arrays]
    schema = pa.schema(fields, metadata={_METADATA: json.dumps(document, separators=(",", ":")).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        if arrays:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return sink.getvalue().to_pybytes()


def from_bytes(content: bytes) -> TableProfile:
    """The profile in a stream that `to_bytes` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is another stream.
    """
    with pa.ipc.open_stream(content) as stream:
        document = json.loads((stream.schema.metadata or {})[_METADATA])
        rows = list(stream)
    if rows:
        rows[0].validate(full=True)
    arrays: Iterator[Any] = (column.values for batch in rows for column in batch.columns)
    return TableProfile(
        num_rows=document["num_rows"],
        num_dropped=document["num_dropped"],
        columns={name: _column(facts, arrays) for name, *facts in document["columns"]},
        periods={name: Period(num_rows=n, num_known=known, total=total, classes=classes)
                 for name, n, known, total, classes in document["periods"]},
    )  # fmt: skip


def _facts(found: ColumnProfile) -> list[Any]:
    """Everything about a column that is not in an array, in the order in which `_column` takes it."""
    sketch = found.sketch
    return [
        found.type,
        found.num_rows,
        found.num_null,
        found.whole,
        _plain(found.min),
        _plain(found.max),
        astuple(found.lengths) if found.lengths else None,
        _sketch_facts(sketch) if sketch else None,
    ]


def _sketch_facts(sketch: Sketch) -> list[Any]:
    moments, bins = sketch.moments, sketch.bins
    facts = [bins.type, bins.num_rows, bins.num_null, bins.num_nonfinite, bins.shift] if bins else None
    return [sketch.undercount, astuple(moments) if moments else None, facts]


def _arrays(found: ColumnProfile) -> Iterator[Any]:
    """The arrays of a column, in the order in which `_column` takes them."""
    yield found.counts.values
    yield found.counts.rows
    if found.sketch:
        yield found.sketch.hashes
        if found.sketch.bins:
            yield pa.array(np.array(found.sketch.bins.bins, np.uint64))
            yield pa.array(np.array(found.sketch.bins.counts, np.int64))


def _column(facts: Sequence[Any], arrays: Iterator[Any]) -> ColumnProfile:
    kind, num_rows, num_null, whole, low, high, lengths, sketch = facts
    return ColumnProfile(
        type=kind,
        num_rows=num_rows,
        num_null=num_null,
        whole=whole,
        min=_limit(low),
        max=_limit(high),
        lengths=Lengths(min=lengths[0], max=lengths[1], total=lengths[2]) if lengths else None,
        counts=Counts(values=_next(arrays), rows=_next(arrays)),
        sketch=_sketch(sketch, arrays) if sketch else None,
    )


def _sketch(facts: Sequence[Any], arrays: Iterator[Any]) -> Sketch:
    undercount, moments, bins = facts
    return Sketch(
        hashes=_next(arrays),
        moments=Moments(num=moments[0], mean=moments[1], m2=moments[2]) if moments else None,
        bins=_bins(bins, arrays) if bins else None,
        undercount=undercount,
    )


def _bins(facts: Sequence[Any], arrays: Iterator[Any]) -> QuantileProfile:
    kind, num_rows, num_null, num_nonfinite, shift = facts
    return QuantileProfile(
        type=kind,
        num_rows=num_rows,
        num_null=num_null,
        num_nonfinite=num_nonfinite,
        shift=shift,
        bins=tuple(_next(arrays).to_pylist()),
        counts=tuple(_next(arrays).to_pylist()),
    )


def _next(arrays: Iterator[Any]) -> Any:
    """Raises ValueError, and not StopIteration, if there are fewer arrays than the facts tell."""
    array = next(arrays, None)
    if array is None:
        raise ValueError("an array is missing")
    return array


def _listed(array: Any) -> Any:
    return pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array)


def _plain(limit: Limit | None) -> Any:
    """A number as it is; a time as a list of its microseconds since 1970."""
    return [(limit - EPOCH) // _MICROSECOND] if isinstance(limit, datetime) else limit


def _limit(plain: Any) -> Limit | None:
    return EPOCH + timedelta(microseconds=plain[0]) if isinstance(plain, list) else plain
