"""An in-memory frame instead of a template's files: its values become what those files would give."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute

from raytemplate.data.conditions import target_columns
from raytemplate.data.features.kind import is_text
from raytemplate.data.sources.as_read import as_read
from raytemplate.data.sources.text.rules import Rules
from raytemplate.errors import DataError
from raytemplate.spec.schema import TemplateSpec
from raytemplate.store.frames import table_of

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them


def frame_as_read(data: object, spec: TemplateSpec, taken: Mapping[str, str] | None = None) -> pa.Table:
    """The rows of an Arrow table, or of a pandas or polars frame, with the types that the template needs.

    Times may be text, as `read_csv` leaves them; whole numbers may be floats, as pandas makes them when one is missing;
    numbers may be text, as `read_csv(dtype=str)` reads them.

    Args:
        taken: columns of a feature set that is taken -> their types in the words of a contract.

    Raises:
        DataError: not a table, no rows, or a value that cannot be read as its column's type.
    """
    table = table_of(data)
    if not table.num_rows:
        raise DataError(f"data: the {type(data).__name__} has no rows")
    types: dict[str, str] = {**(taken or {})}
    types |= {name: column.type for name, column in spec.contract.columns.items()}
    types |= dict.fromkeys((*spec.features.datetime, *filter(None, [spec.data.time])), "time")
    types |= {name: "number" for name in _numbers(spec) if name not in types and _is_text(table, name)}
    categories = [name for one in spec.features.listed() if one.kind == "categorical" for name in one.inputs]
    types |= {name: "integer" for name in categories if name not in types and _is_whole(table, name)}
    return as_read(table, Rules(**spec.data.csv.model_dump()), types)


def _numbers(spec: TemplateSpec) -> tuple[str, ...]:
    """Columns that only make sense as numbers; a frame read entirely as text holds them as text."""
    return (*spec.features.numeric, *(target_columns(spec.data.target) if spec.data.task == "regression" else ()))


def _is_text(table: pa.Table, name: str) -> bool:
    return name in table.column_names and is_text(table.column(name).type)


def _is_whole(table: pa.Table, name: str) -> bool:
    if name not in table.column_names or not pa.types.is_floating(table.column(name).type):
        return False
    column: Any = table.column(name)
    there = column.filter(pc.is_finite(column))
    return bool(pc.all(pc.equal(there, pc.floor(there))).as_py())
