"""Hive partitions: columns that come from the path, such as `year` and `month` in `year=2013/month=01/a.parquet`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from raytemplate.data.sources.listing import SourceFile, SourceTable
from raytemplate.data.sources.text.leading_zeros import digits_of_texts
from raytemplate.data.sources.text.values import PLAIN_INTEGER
from raytemplate.errors import DataError
from raytemplate.records.codec import Settings

_PART = re.compile(r"^([^=]+)=(.*)$")
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
BY_PATH = "partitions"
"""Key in the handle of a file, for the columns that come from its path: column -> (value, Arrow type)."""

_NULL = "__HIVE_DEFAULT_PARTITION__"
_KINDS: Mapping[str, Any] = {"int64": pa.int64(), "date32[day]": pa.date32(), "string": pa.string()}


def partition_texts(path: str) -> dict[str, str | None]:
    """Name -> text of each folder NAME=VALUE in a path; None for Hive's word for null.

    Raises:
        DataError: a name occurs twice.
    """
    if "=" not in path:
        return {}
    matches = [_PART.match(part) for part in path.split("/")[:-1]]
    found = {match[1]: unquote(match[2]) for match in matches if match}
    if len(found) < sum(match is not None for match in matches):
        raise DataError(f"{path}: its path has the same partition twice; rename one of the folders")
    return {name: None if text == _NULL else text for name, text in found.items()}


def partition_types(paths: Sequence[str], types: Mapping[str, str], written: tuple[str, ...] = ()) -> dict[str, str]:
    """Name -> Arrow type of the columns that come from the paths.

    Args:
        types: column -> type that the contract promises; "text" keeps a number as it is written.
        written: columns that are returned as they are written: 007 stays 007.

    Raises:
        DataError: the paths of two files do not have the same partitions.
    """
    texts = [partition_texts(path) for path in paths]
    for path, one in zip(paths[1:], texts[1:], strict=True):
        if one.keys() != texts[0].keys():
            has, first = (", ".join(names) or "none" for names in (one, texts[0]))
            raise DataError(f"{path}: its path has the partitions {has}; that of {paths[0]} has {first}")
    names = texts[0] if texts else ()
    return {name: _kind([one[name] for one in texts], types.get(name, ""), name in written) for name in names}


def _kind(texts: Sequence[str | None], promised: str, written: bool) -> str:
    values = [text for text in texts if text is not None]
    changed = written and not all(re.fullmatch(PLAIN_INTEGER, text) for text in values)
    if promised == "text" or not values or changed:
        return "string"
    if all(re.fullmatch(r"-?[0-9]{1,18}", text) for text in values):
        return "int64"
    return "date32[day]" if all(_date(text) for text in values) else "string"


def _date(text: str) -> date | None:
    """The date of a text such as 2013-01-31; the pattern is checked because Python also reads 2013-W05 as a day."""
    if not re.fullmatch(_DAY, text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def with_partitions(
    table: SourceTable, kinds: Mapping[str, str], time_column: str, promised: Mapping[str, str]
) -> SourceTable:
    """A listing with the columns that come from the paths, and with times if the time column is one of them.

    Args:
        promised: column -> type that the contract promises.

    Raises:
        DataError: a column is both in the files and in their path, or the time column's partitions are not dates.
    """
    twice = sorted(set(kinds) & set(table.schema))
    if twice:
        raise DataError(f"{table.files[0].path}: {', '.join(twice)} is a column of the file and a part of its path")
    if time_column in kinds and kinds[time_column] != "date32[day]":
        raise DataError(f"{table.files[0].path}: {time_column} (data.time) is not a date such as 2013-01-31")
    files = tuple(_with_values(file, kinds, time_column) for file in table.files)
    return replace(
        table,
        files=files,
        schema={**table.schema, **kinds},
        partitions=Settings(kinds),
        padded=(*table.padded, *_padded([file.path for file in files], kinds, promised)),
    )


def _padded(paths: Sequence[str], kinds: Mapping[str, str], promised: Mapping[str, str]) -> Iterator[str]:
    texts = [partition_texts(path) for path in paths]
    for name in (name for name, kind in kinds.items() if kind == "int64" and name not in promised):
        if digits_of_texts(pa.array({one[name] for one in texts}, pa.string())).are_ambiguous:
            yield name


def _with_values(file: SourceFile, kinds: Mapping[str, str], time_column: str) -> SourceFile:
    texts = partition_texts(file.path)
    values = {
        name: [int(text) if text and kind == "int64" else text, kind]
        for name, kind in kinds.items()
        for text in [texts[name]]
    }
    slices = file.slices
    if time_column in kinds:
        day = _date(texts[time_column] or "")
        moment = datetime.combine(day, time(), UTC) if day else None
        slices = tuple(replace(one, time_min=moment, time_max=moment) for one in slices)
    return replace(file, handle=Settings({**file.handle, BY_PATH: values}), slices=slices)


def append_partitions(table: pa.Table, values: Mapping[str, tuple[Any, str]]) -> pa.Table:
    """The rows of one file with the columns that come from its path."""
    for name, (value, kind) in values.items():
        value = _date(value) if kind == "date32[day]" and value else value
        table = table.append_column(name, pa.repeat(pa.scalar(value, _KINDS[kind]), table.num_rows))
    return table
