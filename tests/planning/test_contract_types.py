"""Types of columns, promised in `contract.columns` or needed, are compared with the data before anything starts."""

from __future__ import annotations

import pytest
from sample_inventory import SCHEMA, inventory, source, spec_of

from raytemplate.errors import SpecError
from raytemplate.planning.compile import compile as made

WRONG = {
    "number": ("carrier", "number", 'column "carrier" is string, expected type number'),
    "text": ("seats", "text", 'column "seats" is double, expected type text'),
    "time": ("flight", "time", 'column "flight" is int64, expected type time'),
    "missing": ("carier", "text", 'no column "carier" in the data; did you mean carrier?'),
}


@pytest.mark.parametrize(("column", "kind", "message"), WRONG.values(), ids=WRONG)
def test_a_promised_type_that_the_data_has_not_is_told(column, kind, message):
    with pytest.raises(SpecError) as refused:
        made(spec_of({f"contract.columns.{column}": {"type": kind}}), inventory(), "2013-06-01")
    assert [(p.path, p.message) for p in refused.value.problems] == [(f"contract.columns.{column}", message)]


def test_rows_cannot_be_sliced_by_lists():
    lists = inventory(source=source(schema={**SCHEMA, "stops": "list<element: string>", "gate": "time64[us]"}))
    with pytest.raises(SpecError) as refused:
        made(spec_of({"evaluation.slices": ["carrier", "gate", "stops"]}), lists, "2013-06-01")
    assert [(p.path, p.message) for p in refused.value.problems] == [
        ("evaluation.slices", 'column "stops" is list<element: string>, expected text, a number, a boolean or a time')
    ]


def test_a_promised_column_is_read_though_no_feature_uses_it():
    plan = made(spec_of({"contract.columns.flight": {"type": "integer", "min": 1}}), inventory(), "2013-06-01")
    assert "flight" in plan.ingest.columns
    assert dict(plan.ingest.contract) == {"flight": {"type": "integer", "nullable": True, "min": 1.0}}
