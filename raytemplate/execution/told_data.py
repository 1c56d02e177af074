"""What a person is told about the data of a run before anything is trained on it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from raytemplate.data.conditions import target_columns
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.unit_changes import UnitChange, raw_unit_changes, told, unit_changes
from raytemplate.errors import IntegrityError
from raytemplate.execution.frozen import told_frozen
from raytemplate.execution.journal import Journal
from raytemplate.planning.inventory import Champion
from raytemplate.planning.stages import RunPlan
from raytemplate.records.ingested import Snapshot
from raytemplate.records.profiled import DataProfile


def told_data(
    plan: RunPlan,
    snapshot: Snapshot,
    statistics: Mapping[str, FeatureStatistics],
    profile: DataProfile | None,
    champion: Champion | None,
    runs: Path,
) -> Iterator[str]:
    """Promises that rows break without ending the run, what has changed in the columns since the champion was trained,
    and columns whose unit has probably changed.

    Args:
        statistics: window -> its statistics.
        profile: of the raw columns; None if none was made.
        runs: the folder of all runs, that of the champion among them.
    """
    for broken in snapshot.contract.broken if snapshot.contract else ():
        yield broken.text
    yield from plan.changes
    if champion is not None:
        changes = _unit_changes(plan, statistics, profile, Journal(runs / champion.run_id))
        yield from (told(one, champion.version) for one in changes)
    yield from told_frozen(plan, snapshot, runs)


def _unit_changes(
    plan: RunPlan, statistics: Mapping[str, FeatureStatistics], profile: DataProfile | None, champion: Journal
) -> Iterable[UnitChange]:
    """Columns whose unit has probably changed since the champion's run: raw ones, and features as they are prepared."""
    found: dict[str, UnitChange] = {}
    raw = profile_of(champion)
    train = next((one for one in raw.windows if one.name == "train"), None) if raw else None
    if profile is not None and train is not None:
        columns = (*plan.ingest.feature_columns, *target_columns(plan.ingest.target))
        found = {one.column: one for one in raw_unit_changes(train, profile.windows, dict.fromkeys(columns))}
    if before := statistics_of(champion).get("train"):
        found = {one.column: one for one in unit_changes(before, statistics)} | found
    return found.values()


def profile_of(journal: Journal) -> DataProfile | None:
    """The raw profile of a run's windows; None if it kept none, or if it is damaged: it only helps people."""
    try:
        return journal.read(DataProfile)
    except (OSError, IntegrityError):
        return None


def statistics_of(journal: Journal) -> Mapping[str, FeatureStatistics]:
    """The statistics of a run's windows; empty if it kept none, or if they are damaged: they only help people."""
    try:
        return journal.statistics()
    except (OSError, ValueError, KeyError):
        return {}
