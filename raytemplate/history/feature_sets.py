"""A feature set, and the runs and models that have taken it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from raytemplate.data.features.fitted import set_digest
from raytemplate.data.features.set_name import parse_set_name
from raytemplate.errors import FieldError, IntegrityError, UsageError
from raytemplate.execution.journal import LOCK, Journal, journals
from raytemplate.execution.lock import read_lock
from raytemplate.history.registered import is_model
from raytemplate.history.runs import Run
from raytemplate.ledger.opening import open_ledger
from raytemplate.models.saved import read_features
from raytemplate.planning.feature_sets import version_of
from raytemplate.reports.feature_set_shown import FeatureSetView, Use
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace
from raytemplate.units import show_moment


def feature_set(ref: str, workspace: Workspace) -> FeatureSetView:
    """The feature set that a name such as "features/flights-air-time/3" refers to, with everything that took it.

    Raises:
        UsageError: there has never been such a set; names those that there are.
        IntegrityError: its files are gone or damaged.
    """
    try:
        version = version_of(parse_set_name(ref), open_ledger(workspace))
    except FieldError as error:
        raise UsageError(error.message, next_step="raytemplate models") from error
    except ValueError as error:
        raise UsageError(str(error), next_step="raytemplate models") from error
    fitted = read_features(ContentStore(workspace.models).open(version.digest))
    return FeatureSetView(
        model=version.model,
        version=version.version,
        standing=version.state,
        run_id=version.run_id,
        model_digest=version.digest,
        digest=set_digest(fitted.features, fitted.gaps),
        seen_until=version.seen_until,
        features=tuple((feature.column, feature.kind) for feature in fitted.features),
        uses=uses_of(version.digest, workspace),
    )


def is_feature_set(ref: str, workspace: Workspace) -> bool:
    """Whether a reference is meant as a feature set. A file or folder, and a model, of the same name come first."""
    return ref.startswith("features/") and not Path(ref).exists() and not is_model(ref, workspace)


def uses_of(model_digest: str, workspace: Workspace) -> tuple[Use, ...]:
    """The runs that took the fitted features of a model, newest first.

    Args:
        model_digest: digest of the model's files.
    """
    found = [use for journal in journals(workspace) for use in _uses(journal, model_digest)]
    return tuple(sorted(found, key=lambda use: use.started, reverse=True))


def _uses(journal: Journal, model_digest: str) -> Iterator[Use]:
    with suppress(IntegrityError, OSError):  # a damaged run is told by `runs`
        if model_digest.encode() not in (journal.folder / LOCK).read_bytes():  # much quicker than to decode it
            return
        taken = read_lock(journal).plan.ingest.taken
        if taken is None or taken.model_digest != model_digest:
            return
        run = Run(journal)
        row, promotion = run.row(), run.promotion
        yield Use(
            run_id=run.id,
            name=row.name,
            version=promotion.version if promotion is not None and promotion.version else 0,
            state=row.state,
            as_of=show_moment(row.as_of),
            started=row.started,
        )
