"""The feature set that a template takes: found through the ledger, its bytes checked, and fit to be taken."""

from datetime import datetime

from raytemplate.code.files import digest_of
from raytemplate.code.load import CODE
from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.fitted import FeatureSet, set_digest
from raytemplate.data.features.inputs import reads
from raytemplate.data.features.kind import load_kind
from raytemplate.data.features.set_name import SetName, parse_set_name
from raytemplate.data.mask_options import HASH
from raytemplate.errors import FieldError, IntegrityError
from raytemplate.ledger.head import Ledger, ModelVersion
from raytemplate.ledger.opening import open_ledger
from raytemplate.models.saved import read_about, read_features, read_mask
from raytemplate.plugins import PluginError, suggest
from raytemplate.records.codec import Settings
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace

FIELD = "features.from"
_MOST_LOOKED_AT = 20
"""Most versions whose files are checked to tell which sets there are."""


def feature_set_of(asked: str, workspace: Workspace) -> FeatureSet | None:
    """The feature set of that name; None for "".

    Raises:
        FieldError: there has never been such a set, or it may not be taken.
        IntegrityError: its files are gone or damaged; names the sets that there are.
    """
    if not asked:
        return None
    version = version_of(parse_set_name(asked), open_ledger(workspace))
    store = ContentStore(workspace.models)
    try:
        folder = store.open(version.digest)
    except IntegrityError as error:
        there = [_name(other) for other in _versions(workspace, version.model) if _is_whole(store, other)]
        raise IntegrityError(
            f"{_name(version)} is gone: {error.what}; {_there(there)}",
            next_step=f"set {FIELD}: {there[0]}" if there else f"train {version.model} again",
        ) from error
    about, fitted, mask = read_about(folder), read_features(folder), read_mask(folder)
    _refuse(version, fitted)
    columns = fitted.columns
    masked = {name: rule for name, rule in (mask.rules if mask else {}).items() if name in columns}
    return FeatureSet(
        model=version.model,
        version=version.version,
        digest=set_digest(fitted.features, fitted.gaps),
        model_digest=version.digest,
        features=fitted.features,
        gaps=fitted.gaps,
        num_columns=len(fitted.dense) + len(fitted.codes),
        seen_until=version.seen_until,
        split=about.split,
        types=Settings({name: about.types[name] for name in columns if name in about.types}),
        masked=Settings(masked),
        mask_key=mask.key_id if mask and HASH in masked.values() else "",
        code_sha256=digest_of(folder / CODE) if any(feature.build for feature in fitted.features) else "",
    )


def version_of(name: SetName, ledger: Ledger) -> ModelVersion:
    """The model version whose features a name refers to; for "latest" that of the champion.

    Raises:
        FieldError: there has never been one; names those that there are.
    """
    versions = ledger.history(name.model).versions
    if not versions:
        known = tuple(f"features/{model}/latest" for model in ledger.models())
        there = suggest(f"features/{name.model}/latest", known) if known else "this workspace has no registered model"
        raise FieldError(FIELD, f"no feature set {name}: there is no model {name.model}; {there}")
    wanted = [v for v in versions if (v.version == name.version if name.version else v.state == "champion")]
    if not wanted:
        why = f"no version {name.version}" if name.version else "no champion"
        there = _there([_name(v) for v in reversed(versions)])
        raise FieldError(FIELD, f"no feature set {name}: {name.model} has {why}; {there}")
    return wanted[0]


def seen_by_versions(model: str, workspace: Workspace) -> tuple[tuple[int, datetime], ...]:
    """(version, moment up to which it has seen data) of the newest versions of a model, newest first."""
    return tuple((v.version, v.seen_until) for v in _versions(workspace, model))


def _versions(workspace: Workspace, model: str) -> list[ModelVersion]:
    """The newest versions of a model, newest first."""
    return list(reversed(open_ledger(workspace).history(model).versions))[:_MOST_LOOKED_AT]


def _name(version: ModelVersion) -> str:
    return f"features/{version.model}/{version.version}"


def _there(names: list[str]) -> str:
    return f"there is {', '.join(names)}" if names else "no other version is whole"


def _is_whole(store: ContentStore, version: ModelVersion) -> bool:
    try:
        store.open(version.digest)
    except IntegrityError:
        return False
    return True


def _refuse(version: ModelVersion, fitted: FittedFeatures) -> None:
    """Refuse features that tell about the target, and those of an earlier version of this package, for which blank text
    was a value: beside features of today a value would mean two things."""
    if not fitted.blank_is_missing:
        raise FieldError(FIELD, f"{_name(version)} was fitted when blank text was not missing yet; train it again")
    try:
        learnt = [f for f in fitted.features if load_kind(f.kind).profiled == "target"]
    except PluginError as error:
        raise FieldError(FIELD, f"{_name(version)}: {error}") from None
    if learnt:
        named = " and ".join(f"{', '.join(reads(f))} ({f.kind})" for f in learnt)
        raise FieldError(
            FIELD,
            f"{_name(version)} holds means of the target, {fitted.target}: {named}; they are only valid for the rows "
            "they were fitted on; expected a set without them",
        )
