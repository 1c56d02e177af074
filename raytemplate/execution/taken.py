"""The feature set that a run takes: that it is the one that was planned, and that its values are masked as it knows
them."""

from raytemplate.data.features.fitted import FeatureSet, set_digest
from raytemplate.errors import IntegrityError
from raytemplate.records.ingested import Snapshot
from raytemplate.reports.wording import short


def refuse_other_states(taken: FeatureSet | None) -> None:
    """Refuse a set whose fitted features are not those that its digest is of.

    Raises:
        IntegrityError: they are others.
    """
    if taken is None:
        return
    found = set_digest(taken.features, taken.gaps)
    if found != taken.digest:
        raise IntegrityError(
            f"{taken.name}: not the fitted features that were planned (sha256 {short(taken.digest)}, "
            f"now {short(found)})",
            next_step="plan again",
        )


def refuse_other_key(taken: FeatureSet | None, snapshot: Snapshot) -> None:
    """Refuse rows hashed with another key than that of the set: each of their values would be unknown to it.

    Raises:
        IntegrityError: it is another key.
    """
    if taken is not None and taken.hashed and taken.mask_key != snapshot.mask_key:
        raise IntegrityError(
            f"data.mask_key: another key than the one with which {taken.name} knows {', '.join(taken.hashed)}",
            next_step="set the key that its model was trained with",
        )
