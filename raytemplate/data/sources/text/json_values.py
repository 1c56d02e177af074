"""Finds the value of JSON Lines that its column cannot hold, for error messages: Arrow does not say which it is."""

import json
import sys
from collections.abc import Mapping
from typing import Any, cast

import pyarrow as pa

from raytemplate.data.sources.text.date_formats import read_dates
from raytemplate.data.sources.text.rules import Misread
from raytemplate.data.sources.text.typed import ISO_EXAMPLE
from raytemplate.data.times import is_time

_MOST_INT = 2**63


def wrong_value(content: bytes, kinds: Mapping[str, Any]) -> Misread | None:
    """A `Misread` for the first value that is not of its column's Arrow type; None if all are."""
    records = (line for line in content.split(b"\n") if line.strip())
    for row, line in enumerate(records, start=1):
        try:
            record: Any = json.loads(line)
        except ValueError:
            return None
        if not isinstance(record, dict):
            return None
        for name, kind in kinds.items():
            value = cast(dict[str, Any], record).get(name)
            if value is not None and not _fits(value, kind):
                expected = ISO_EXAMPLE if is_time(kind) else str(kind)
                shown = json.dumps(value, ensure_ascii=False)[:82]
                why = f"column {name} is {shown}, expected {expected}"
                return Misread(row, why, no_time=is_time(kind), column=name, expected=expected)
    return None


def _fits(value: Any, kind: Any) -> bool:
    if pa.types.is_string(kind):
        return isinstance(value, str)
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if is_time(kind):
        return isinstance(value, str) and bool(read_dates(pa.array([value]), "").fits[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if pa.types.is_decimal(kind):
        return isinstance(value, int)
    if pa.types.is_floating(kind):
        return abs(value) <= sys.float_info.max or value != value
    return isinstance(value, int) and -_MOST_INT <= value < _MOST_INT
