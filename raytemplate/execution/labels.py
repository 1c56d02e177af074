"""Labels that have changed since the champion was trained."""

from raytemplate.data.labels import LABELS, Labels, compared, from_bytes
from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import Journal
from raytemplate.records.labelled import LabelChanges


def label_changes(champion: Journal, version: int, journal: Journal) -> LabelChanges | None:
    """The rows whose target is another in this run than in the champion's.

    Args:
        champion: the champion's run.
        version: the champion's version.

    Returns:
        None if it is not known: one of the runs kept no labels, or they have other keys, another target or no row in
        common.
    """
    now = _labels(journal)
    before = _labels(champion) if now is not None else None
    found = compared(before, now) if before is not None and now is not None else None
    if before is None or now is None or found is None or not found[0]:
        return None
    return LabelChanges(
        run_id=champion.run_id,
        version=version,
        target=now.target,
        num_seen=found[0],
        num_changed=found[1],
        is_sample=not (before.is_complete and now.is_complete),
    )


def _labels(journal: Journal) -> Labels | None:
    try:
        content = journal.bytes_of(LABELS)
        return from_bytes(content) if content is not None else None
    except (OSError, IntegrityError):  # damaged: this only helps people
        return None
