"""Whatever `init` writes passes `check` and `plan` unedited, and its rows can be read, split, dropped and encoded."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pyarrow as pa
from any_table import tables
from hypothesis import HealthCheck, assume, given, settings

from raytemplate import api
from raytemplate.data.survey.survey import Asked
from raytemplate.data.windows import check_windows
from raytemplate.engines.ray import ingest
from raytemplate.engines.ray.encoding import arrays_of, fitted, profile_of
from raytemplate.engines.ray.pieces import Pieces, pieces_of, take_accounts
from raytemplate.errors import UsageError
from raytemplate.planning.stages import IngestStage
from raytemplate.spec.draft.write import write_draft

REFUSED = (
    "no useful feature", "expected at least 30", "nothing to learn", "fewer than 10 rows", "different values, expected",
    "the same value in all rows", "has numbers such as", "that runs use themselves",
)  # fmt: skip
"""Why `init` may write nothing."""


def read(stage: IngestStage) -> None:
    """What ingest does, in this process."""
    blocks = [block for task in Pieces(pieces_of(stage)).get_read_tasks(1) for block in task()]
    breaches = [breach for block in blocks for breach in ingest._breaches(block, stage)]
    rows = pa.concat_tables([take_accounts(block)[0] for block in blocks if block.num_rows])
    kept, dropped = ingest._cut_and_drop(rows, stage)
    num_rows = {name: table.num_rows for name, table in kept.items()}
    check_windows(stage.windows, num_rows, dropped, stage.newest)
    ingest.refuse_breaches(breaches, sum(num_rows.values()))
    for name, table in kept.items():
        ingest._check_numbers(table, stage, name)
    features = fitted({name: profile_of(table, stage) for name, table in kept.items()}, stage)
    for name, table in kept.items():
        assert len(arrays_of(table, features, name)["target"]) == table.num_rows
    ingest._baseline(kept["train"], stage)


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
