"""Finds what is wrong with JSON Lines, for error messages: Arrow names no value, or says it in its own words."""

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


_KINDS: Mapping[type, str] = {
    bool: "true or false", int: "a number", float: "a number", str: "text", dict: "an object", list: "a list",
}  # fmt: skip


def wrong_record(content: bytes) -> Misread | None:
    """A `Misread` for the first line that is not an object with one value for each name, of the type of the values
    before; None if all are."""
    before: dict[str, str] = {}
    records = (line for line in content.split(b"\n") if line.strip())
    for row, line in enumerate(records, start=1):
        try:
            record: Any = json.loads(line, object_pairs_hook=_Pairs)
        except json.JSONDecodeError as error:
            why = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1:,} of the line"
            return Misread(row, why, column="")
        except ValueError:
            return None
        if not isinstance(record, _Pairs):
            kind = _KINDS.get(type(record), "null")
            return Misread(row, f'{kind}, expected an object such as {{"column": 1}} on each line', column="")
        seen: set[str] = set()
        for name, value in record:
            if name in seen:
                return Misread(row, f'"{name}" occurs twice in an object', column="")
            seen.add(name)
            kind = "an object" if isinstance(value, _Pairs) else _KINDS.get(type(value), "")
            if kind and before.setdefault(name, kind) != kind:
                return Misread(row, f"column {name} is {kind}, but {before[name]} in the rows before", column="")
    return None


class _Pairs(list[tuple[str, Any]]):
    """An object, with names that occur twice."""


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
