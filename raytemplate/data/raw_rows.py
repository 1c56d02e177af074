"""What happens to rows between reading and masking, in the task that reads them: nobody else sees these values.

Contract and `data.drop` apply to the values as they are in the data. Rows that `data.drop` takes out are only marked
here, because they are counted by window later. No error quotes a masked value, not even one of a library.
"""

import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.conditions import parse_condition
from raytemplate.data.contract import Breach, check_rows
from raytemplate.data.masking import Masker
from raytemplate.data.reserved import INTERNAL
from raytemplate.data.sources.text.rules import NOT_SHOWN
from raytemplate.data.windows import DROPPED, drop_rows
from raytemplate.errors import DataError, RaytemplateError

_ROW = f"{INTERNAL}row"


def mask_rows(
    table: pa.Table, masker: Masker, drop: str, contract: Mapping[str, Any], location: str
) -> tuple[pa.Table, tuple[Breach, ...]]:
    """The rows masked, with a column that marks those to drop if there is a condition; and breaches of the contract.

    Args:
        contract: column -> settings of a `ColumnContract`; rows that are dropped may break it.
        location: the file, for breaches.
    """
    dropped = _matched(table, drop)
    kept: Any = table if dropped is None else table.filter(pa.array(~dropped))
    breaches = check_rows(kept, contract, location, masker.mask.columns)
    table = masker.masked(table)
    return (table if dropped is None else table.append_column(DROPPED, pa.array(dropped))), breaches


def _matched(table: pa.Table, condition: str) -> Any:
    """True for the rows that a condition takes out, bool [rows]; None without a condition."""
    if not condition:
        return None
    numbered = table.append_column(_ROW, pa.array(np.arange(table.num_rows)))
    kept, _ = drop_rows(numbered, parse_condition(condition).expression(table.schema))
    found = np.ones(table.num_rows, bool)
    found[kept.column(_ROW).to_numpy()] = False
    return found


@contextmanager
def quoting_nothing(location: str) -> Generator[None]:
    """Replaces the errors of libraries, whose texts may quote values, by ones that tell only where they arose."""
    try:
        yield
    except (RaytemplateError, OSError, MemoryError):
        raise
    except Exception as error:  # of any library: it is raised again, without its text
        frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.endswith(".py")]
        at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        raise DataError(
            f"{location}: cannot be read or masked: {type(error).__name__}{at}; its text is {NOT_SHOWN}"
        ) from None
