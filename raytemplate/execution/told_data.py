"""What a person is told about the data of a run before anything is trained on it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.unit_changes import told, unit_changes
from raytemplate.execution.frozen import told_frozen
from raytemplate.execution.journal import Journal
from raytemplate.planning.inventory import Champion
from raytemplate.planning.stages import RunPlan
from raytemplate.records.ingested import Snapshot


def told_data(
    plan: RunPlan,
    snapshot: Snapshot,
    statistics: Mapping[str, FeatureStatistics],
    champion: Champion | None,
    runs: Path,
) -> Iterator[str]:
    """Promises that rows break without ending the run, what has changed in the columns since the champion was trained,
    and columns whose unit has probably changed.

    Args:
        statistics: window -> its statistics.
        runs: the folder of all runs, that of the champion among them.
    """
    for broken in snapshot.contract.broken if snapshot.contract else ():
        yield broken.text
    yield from plan.changes
    before = statistics_of(Journal(runs / champion.run_id)).get("train") if champion else None
    if champion and before:
        yield from (told(one, champion.version) for one in unit_changes(before, statistics))
    yield from told_frozen(plan, snapshot, runs)


def statistics_of(journal: Journal) -> Mapping[str, FeatureStatistics]:
    """The statistics of a run's windows; empty if it kept none, or if they are damaged: they only help people."""
    try:
        return journal.statistics()
    except (OSError, ValueError, KeyError):
        return {}
