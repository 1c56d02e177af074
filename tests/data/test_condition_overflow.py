"""A condition whose product no 64 bits hold, in every field that may have one: one error that names it."""

import pyarrow as pa
import pytest

from raytemplate.data.contract import broken_conditions
from raytemplate.data.promises import Promises, RowPromise
from raytemplate.data.raw_rows import matched
from raytemplate.data.target import add_target
from raytemplate.errors import DataError

TEXT = "ms * 10000000000 > 5"
PLACES = {
    "data.drop": lambda table: matched(table, TEXT),
    "data.target": lambda table: add_target(table, TEXT),
    "contract.rows": lambda table: list(broken_conditions(table, Promises(rows=(RowPromise(rule=TEXT),)))),
}


@pytest.mark.parametrize("field", PLACES)
def test_it_is_told_with_its_field(field):
    with pytest.raises(DataError) as told:
        PLACES[field](pa.table({"ms": [1_700_000_000_000]}))
    assert told.value.what == f'{field}: "{TEXT}" computes a whole number beyond 64 bits'
