"""Columns that have changed since the champion was trained are in the plan, or in the error if the run reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_inventory import CHAMPION, SCHEMA, inventory, source, spec_of

from raytemplate.errors import SpecError
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.reports.explain import explain

BEFORE = tuple(SCHEMA.items())
KNOWN = replace(CHAMPION, schema=BEFORE)


def plan(**found):
    return compile_plan(spec_of(), inventory(**found), "2013-06-01")


def renamed(old, new):
    return {new if name == old else name: kind for name, kind in SCHEMA.items()}


def test_a_column_that_was_probably_renamed_is_named_in_the_error():
    with pytest.raises(SpecError) as refused:
        plan(champion=KNOWN, source=source(schema=renamed("distance", "miles")))
    (problem,) = refused.value.problems
    assert problem.path == "features.numeric"
    assert problem.message == (
        'no column "distance" in the data, but the champion had it; "miles" is new and of the same type: '
        "renamed? Write miles, or rename it back"
    )


def test_other_changes_are_told_by_the_plan_and_leave_its_id():
    changed = plan(champion=KNOWN, source=source(schema={**SCHEMA, "gate": "string"}))
    line = f"new since champion version {CHAMPION.version}: gate; list them under features to use them"
    assert changed.changes == (line,)
    assert "  changed      new since champion" in explain(changed, file="t.yaml")
    assert changed.id == plan(champion=KNOWN).id and plan(champion=KNOWN).changes == ()
    assert plan(champion=CHAMPION, source=source(schema={**SCHEMA, "gate": "string"})).changes == ()
