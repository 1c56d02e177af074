"""Ingests the rows of a plan without Ray."""

from __future__ import annotations

import pyarrow as pa

from raytemplate.engines.ray.data import window_rows
from raytemplate.engines.ray.data.encoding import arrays_of, fitted, statistics_of
from raytemplate.engines.ray.data.keys import KeyIndexes
from raytemplate.engines.ray.data.pieces import Pieces, pieces_of, take_accounts
from raytemplate.planning.stages import IngestStage


def read(stage: IngestStage) -> dict[str, pa.Table]:
    """The rows of each window, after reading, splitting, dropping, checking and encoding."""
    blocks = [block for task in Pieces(pieces_of(stage)).get_read_tasks(1) for block in task()]
    breaches = [breach for block in blocks for breach in window_rows.breaches_of(block, stage)]
    rows = pa.concat_tables([take_accounts(block)[0] for block in blocks if block.num_rows])
    keys = KeyIndexes(stage, None)
    rows = keys.take_from(rows)
    breaches += keys.breaches()
    kept, dropped, judged = window_rows.cut_and_drop(keys.mark(rows), stage)
    num_rows = {name: table.num_rows for name, table in kept.items()}
    window_rows.check_contract(stage, num_rows, dropped, breaches, [part.found for part in judged])
    for name, table in kept.items():
        window_rows.check_numbers(table, stage, name)
    features = fitted({name: statistics_of(table, stage) for name, table in kept.items()}, stage)
    for name, table in kept.items():
        assert len(arrays_of(table, features, name)["target"]) == table.num_rows
    window_rows.baseline_of(kept["train"], stage)
    return kept
