"""What a contract of columns finds in the rows of a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from raytemplate.data.contract import Breach
from raytemplate.data.raw_rows import RowRules, judge_rows
from raytemplate.records.codec import Settings


def breaches(table: pa.Table, contract: Mapping[str, Any], file: str) -> tuple[Breach, ...]:
    """Broken promises, as they are found while the rows of a file are read."""
    numbers = np.arange(1, table.num_rows + 1)
    return judge_rows(table, RowRules(contract=Settings(contract)), (), file, lambda: numbers)[1]
