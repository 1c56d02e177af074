"""What is done with rows that were read, the same in memory and in a stream: they are cut into windows and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from raytemplate.data.condition_lowering import naming_overflow
from raytemplate.data.conditions import parse_condition, target_columns
from raytemplate.data.contract import Breach, refuse_breaches
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.judged_rows import BROKEN, REPEATED, Judged, joined, take_out
from raytemplate.data.labels import Labels, labels_of
from raytemplate.data.quarantine import check_amount, check_quarantined, warned
from raytemplate.data.sources.locations import named
from raytemplate.data.statistics import NumberProfile
from raytemplate.data.target import add_target, baseline_target, check_spread
from raytemplate.data.times import time_range
from raytemplate.data.windows import (
    DROPPED,
    check_target,
    check_windows,
    cut,
    cut_by_side,
    drop_marked,
    drop_rows,
    sample_rows,
)
from raytemplate.engines.ray.data.pieces import (
    breaches_in,
)
from raytemplate.errors import DataError
from raytemplate.evaluation import baselines
from raytemplate.planning.stages import IngestStage
from raytemplate.records.contracted import ContractFound


def breaches_of(block: pa.Table, stage: IngestStage) -> tuple[Breach, ...]:
    """Breaches of the contract that reading has found in a block's rows. Needs the account column."""
    return tuple(replace(one, location=named(one.location, Path(stage.root))) for one in breaches_in(block))


def cut_and_drop(rows: pa.Table, stage: IngestStage) -> tuple[dict[str, pa.Table], dict[str, int], tuple[Judged, ...]]:
    """The rows of each window without those left out, how many `data.drop` left out, and what the contract found."""
    kept: dict[str, pa.Table] = {}
    dropped: dict[str, int] = {}
    judged: list[Judged] = []
    found = cut(rows, stage.time, stage.windows) if stage.split is None else cut_by_side(rows, stage.windows)
    for name, table in found.items():
        rest, dropped[name] = without_dropped(sampled(table, stage, name), stage.drop)
        for marks in (BROKEN, REPEATED):
            if marks in rest.column_names:
                rest, one = take_out(rest, name, lambda path: named(path, Path(stage.root)), stage.keys, marks)
                judged.append(one)
        judged += _newest(rest, stage)
        kept[name] = add_target(rest, stage.target)
    return kept, dropped, tuple(judged)


def _newest(rows: pa.Table, stage: IngestStage) -> list[Judged]:
    """The newest time of the rows, if the contract promises how old it may be."""
    if not stage.time or not stage.promises or not stage.promises.freshness_s:
        return []
    return [Judged(found=ContractFound(newest=time_range(rows.column(stage.time))[1]))]


def sampled(table: pa.Table, stage: IngestStage, window: str) -> pa.Table:
    """The window's sample of rows. It depends only on columns the template itself reads, not on the champion's."""
    share = next(w.share for w in stage.windows if w.name == window)
    own = {*([stage.time] if stage.time else []), *target_columns(stage.target)}
    own.update(stage.feature_columns)
    return sample_rows(table, sorted(own), share, stage.seed, as_it_stands=stage.rules is None)


def without_dropped(table: pa.Table, condition: str) -> tuple[pa.Table, int]:
    """The rows without those that `data.drop` takes out, and how many these were."""
    if DROPPED in table.column_names:
        return drop_marked(table)
    if not condition:
        return table, 0
    with naming_overflow("data.drop", condition):
        return drop_rows(table, parse_condition(condition).expression(table.schema))


def check_contract(
    stage: IngestStage,
    num_rows: Mapping[str, int],
    dropped: Mapping[str, int],
    breaches: Sequence[Breach],
    judged: Sequence[ContractFound],
) -> ContractFound | None:
    """What the contract found in single rows, if it may leave rows out or warn; raises if the run cannot go on."""
    found = None if stage.promises is None else joined([*judged, *warned(breaches)])
    if found and stage.promises:
        check_quarantined(stage.promises, found, num_rows)
    check_windows(stage.windows, num_rows, dropped, stage.newest)
    refuse_breaches(breaches, sum(num_rows.values()) + (found.num_quarantined + found.num_dropped if found else 0))
    if found and stage.promises:
        check_amount(stage.promises, found, num_rows, stage.windows[-1].end)
    return found


def check_numbers(table: pa.Table, stage: IngestStage, window: str, *, part: bool = False) -> None:
    """Refuse a target that no regression can learn.

    Args:
        part: whether these are only some of the rows of the window.

    Raises:
        DataError: names the window.
    """
    if stage.task == "regression":
        check_target(table, stage.target, window, part=part)


def check_target_spread(train: FeatureStatistics) -> None:
    """Refuse a target that is the same in all rows."""
    if isinstance(train.target, NumberProfile):
        check_spread(train.target, train.target_column)


def baseline_of(train: pa.Table, stage: IngestStage) -> baselines.BaselineState:
    """The baseline, fitted on rows of the train window."""
    rows = baseline_target(train, stage.target, stage.task, stage.positive)
    try:
        return baselines.fit_baseline(rows, stage.baseline, stage.target, stage.task)
    except ValueError as error:
        raise DataError(f"evaluation.baseline: {error}") from error


def labels_of_windows(kept: Mapping[str, pa.Table], stage: IngestStage) -> Labels | None:
    """The labels of the rows of all windows."""
    # Keys may name a customer, who has a row each month: the time tells which of them it is.
    keys = stage.keys if stage.time in ("", *stage.keys) else (*stage.keys, stage.time)
    columns = tuple(dict.fromkeys((*keys, stage.target)))
    if not stage.keys or any(name not in table.column_names for table in kept.values() for name in columns):
        return None
    rows = [table.select(list(columns)) for table in kept.values()]
    return labels_of(pa.concat_tables(rows, promote_options="permissive"), keys, stage.target, stage.task)
