"""Whatever `init` writes passes `check` and `plan` unedited, and its rows can be read, split, dropped and encoded."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from any_table import tables
from hypothesis import HealthCheck, assume, given, settings
from in_this_process import read

from raytemplate import api
from raytemplate.errors import UsageError
from raytemplate.starting.draft.write import write_draft
from raytemplate.starting.survey.survey import Asked

REFUSED = (
    "no useful feature", "expected at least 30", "nothing to learn", "fewer than 10 rows", "different values, expected",
    "the same value in all rows", "has numbers such as", "that runs use themselves", "reserved for internal columns",
)  # fmt: skip
"""Why `init` may write nothing."""


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=tables())
def test_whatever_init_writes_can_be_checked_planned_and_read(drawn):
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        data = drawn.write(Path(name))
        try:
            template, draft = write_draft(Path(name) / "p", Asked(data=data.name, target=drawn.target, time=drawn.time))
        except UsageError as error:
            assert any(why in error.what for why in REFUSED)
            assume(False)
            return
        assert not {"prediction", "model_version"} & {role.column.name for role in draft.of("key")}
        spec = api.load(template)
        assert api.check(spec) == ()
        read(api.plan(spec, "latest").plan.ingest)
