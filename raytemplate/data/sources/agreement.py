"""Checks of what the files of one source must have in common."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raytemplate.data.sources.listing import SourceFile
from raytemplate.data.times import is_time
from raytemplate.errors import DataError
from raytemplate.plugins import suggest


def check_same_schema(
    path: str, found: Mapping[str, str], first_path: str, first: Mapping[str, str], *, by_values: bool = False
) -> None:
    """Raises unless a file has the same columns, with the same types, as the first one.

    Args:
        by_values: whether types are inferred from the values, as in text files. The error then suggests to promise one.

    Raises:
        DataError: names the file and its columns that differ.
    """
    faults = [f"column {n} is missing" for n in first if n not in found]
    faults += [f"column {n} is extra" for n in found if n not in first]
    unlike = [n for n in first if n in found and found[n] != first[n]]
    faults += [f"column {n} is {found[n]}, not {first[n]}" for n in unlike]
    if faults:
        raise DataError(
            f"{path}: its schema differs from {Path(first_path).name}: {'; '.join(faults[:5])}"
            + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
            + "; give all files one schema",
            next_step=_promise(unlike[0]) if unlike and by_values else "",
        )


def _promise(column: str) -> str:
    name = json.dumps(column, ensure_ascii=False)
    return f"or say what {column} is: contract.columns: {{{name}: {{type: text}}}}"


def check_time(path: str, schema: Any, time: str) -> None:
    """Raises unless the time column exists and holds times.

    Raises:
        DataError: there is no such column, or it has another type.
    """
    if time not in schema.names:
        raise DataError(f"{path}: no column {time} (data.time); {suggest(time, tuple(schema.names))}")
    kind = schema.field(time).type
    if not is_time(kind):
        raise DataError(f"{path}: column {time} (data.time) is {kind}, expected a timestamp or a date")


def check_rows(pattern: str, files: Sequence[SourceFile]) -> None:
    """Raises unless the files have a row.

    Raises:
        DataError: there are no rows.
    """
    if not any(file.num_rows for file in files):
        raise DataError(f"{pattern}: {len(files)} file{'s' if len(files) != 1 else ''}, but not one row")
