"""Copies the ledger's versions to MLflow's registered model, and repairs the copy every time."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion as Version
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.measured import of_candidate
from raytemplate.engines.mlflow.owner import LEDGER_TAG, ledger_mark, refuse_other_ledger
from raytemplate.engines.mlflow.packaged import write_package
from raytemplate.engines.mlflow.parameters import parameters
from raytemplate.engines.mlflow.seen import (
    BYTES,
    CHALLENGER,
    CHAMPION,
    DIGEST_TAG,
    NOTHING,
    RUN_TAG,
    STATE_TAG,
    SeenModel,
    SeenVersion,
    compare,
    digest_by_bytes,
    digest_by_manifest,
    plain_tags,
)
from raytemplate.engines.mlflow.signature import Interface
from raytemplate.engines.mlflow.tags import NOTE_TAG, VERDICT_TAG, verdict_of
from raytemplate.errors import IntegrityError
from raytemplate.ledger.head import Ledger, ModelVersion
from raytemplate.models.saved import read_features
from raytemplate.redact import redact
from raytemplate.reports.run_note import model_note, version_note
from raytemplate.store.content_store import ContentStore
from raytemplate.units import show_moment

_VERSIONS_TAG = "mlflow.modelVersions"
"""Where MLflow looks up which versions a model of an experiment was registered as."""
_NOT_IN_NAMES = re.compile(r"[/:.%\"']")


@dataclass(frozen=True, kw_only=True, slots=True)
class Projected:
    """What bringing MLflow's copy of a model in line came to."""

    found: tuple[str, ...] = ()
    """Where MLflow said something else than the ledger, one line each."""

    lost: tuple[str, ...] = ()
    """Versions that MLflow lacks and that cannot be copied, because their records or files are gone, one line each."""


def project(
    client: MlflowClient,
    model: str,
    ledger: Ledger,
    store: ContentStore,
    tracked: Callable[[str], tuple[Copied, str]],
    judged_again: str = "",
    *,
    thorough: bool = False,
) -> Projected:
    """Register every version of the ledger that MLflow lacks, in order, and set tags and both aliases as in the ledger.

    MLflow is not believed: its version is a copy if its files are those of the ledger's version, whatever its number
    and tags say. The caller holds the workspace's MLflow lock; MLflow itself would let the last writer win.

    Args:
        tracked: the records of a run, and its MLflow run, which is made if there is none.
        judged_again: a run whose verdict may have changed since its version was registered.
        thorough: whether to hash the files of every version in MLflow, and to compare every tag.

    Raises:
        IntegrityError: another ledger's model has this name in MLflow.
    """
    versions = ledger.history(model).versions
    if not versions:
        return Projected()
    seen = see(client, model)
    registered = _registered(client, model, lambda: tracked(versions[-1].run_id)[0])
    refuse_other_ledger(registered, ledger)
    if (mark := ledger_mark(ledger)) != registered.tags.get(LEDGER_TAG, ""):
        client.set_registered_model_tag(model, LEDGER_TAG, mark)
    recorded = _Recorded(tracked)
    compared = compare(
        model,
        versions,
        seen,
        digest=digest_by_bytes if thorough else digest_by_manifest,
        tags=recorded.tags if thorough else plain_tags,
    )
    for each in compared.foreign:
        _disown(client, model, each)
    copies = dict(compared.copies)
    lost: list[str] = []
    for version in versions:
        copy = copies.get(version.version)
        if copy is None:
            try:
                made = _register(client, version, store, *tracked(version.run_id))
            except IntegrityError as error:  # the aliases of the others are set nevertheless
                lost.append(f"version {version.version} cannot be copied to MLflow: {error.what}")
                continue
            copy = copies[version.version] = _seen_version(made)
        elif version.run_id == judged_again:
            _describe(client, model, copy, tracked(version.run_id)[0])
        _tag(client, model, copy, recorded.tags(version) if thorough else plain_tags(version))
    by_state = {v.state: str(copies[v.version].number) for v in versions if v.version in copies}
    for alias in (CHAMPION, CHALLENGER):
        _set_alias(client, registered, alias, by_state.get(alias))
    return Projected(found=compared.differences, lost=tuple(lost))


def see(client: MlflowClient, model: str) -> SeenModel:
    """What MLflow says of a model."""
    try:
        registered = client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return NOTHING
    found = [_seen_version(version) for version in client.search_model_versions(f"name = '{model}'")]
    aliases = {alias: int(version) for alias, version in registered.aliases.items()}
    return SeenModel(aliases=aliases, versions=tuple(sorted(found, key=lambda each: each.number)))


def _seen_version(version: Version) -> SeenVersion:
    return SeenVersion(number=int(version.version), source=str(version.source or ""), tags=dict(version.tags))


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The tags of versions as the records of their runs tell them, each run read once."""

    tracked: Callable[[str], tuple[Copied, str]]
    found: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def tags(self, version: ModelVersion) -> Mapping[str, str]:
        """All tags of a version; only those that the ledger tells if the records of its run are gone."""
        if version.run_id not in self.found:
            try:
                self.found[version.run_id] = _tags(self.tracked(version.run_id)[0])
            except IntegrityError:
                self.found[version.run_id] = {}
        return {**self.found[version.run_id], **plain_tags(version)}


def _disown(client: MlflowClient, model: str, foreign: SeenVersion) -> None:
    """Take from a version, which stays, the tags by which it claims to be one of the ledger's."""
    for name in (DIGEST_TAG, STATE_TAG, RUN_TAG):
        if name in foreign.tags:
            client.delete_model_version_tag(model, str(foreign.number), name)


def _registered(client: MlflowClient, model: str, newest: Callable[[], Copied]) -> RegisteredModel:
    """The registered model, made and described if there is none; a description that people wrote is theirs."""
    try:
        found = client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return client.create_registered_model(model, description=_note(newest))
    if not found.description and (note := _note(newest)):
        client.update_registered_model(model, note)
    return found


def _note(newest: Callable[[], Copied]) -> str:
    try:
        return redact(model_note(newest().plan))
    except IntegrityError:  # the records of its newest run are gone
        return ""


def _register(client: MlflowClient, version: ModelVersion, store: ContentStore, copied: Copied, run: str) -> Version:
    """A version in MLflow with a copy of the bytes of its own: MLflow writes into the folders it loads from."""
    train = copied.journal.statistics().get("train")
    stored, tags = store.open(version.digest), {**_tags(copied), DIGEST_TAG: version.digest}
    interface = Interface.of(copied.plan, read_features(stored), train)
    logged = _new_logged_model(client, version, copied, run, tags)
    client.log_model_artifacts(logged.model_id, str(stored), BYTES)
    with TemporaryDirectory() as folder:
        write_package(Path(folder), interface, copied.plan.fit, copied.lock.environment, run)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    made = client.create_model_version(
        version.model,
        source=logged.artifact_location,
        run_id=run,
        model_id=logged.model_id,
        tags={**tags, STATE_TAG: version.state},
        description=redact(version_note(copied.view)),
    )
    registered_as = json.dumps([{"name": made.name, "version": str(made.version)}])
    client.set_logged_model_tags(logged.model_id, {_VERSIONS_TAG: registered_as})
    return made


def _new_logged_model(
    client: MlflowClient, version: ModelVersion, copied: Copied, run: str, tags: dict[str, str]
) -> LoggedModel:
    """The model among those of the experiment, with the run's parameters and figures, and no files yet."""
    experiment = client.get_experiment_by_name(copied.plan.promote.experiment)
    assert experiment is not None  # its run is in it
    made = client.create_logged_model(
        experiment.experiment_id,
        name=f"{_NOT_IN_NAMES.sub('_', version.model)}-{version.version}",
        source_run_id=run,
        tags={**tags, NOTE_TAG: redact(version_note(copied.view))},
        params={param.key: param.value for param in parameters(copied)},
        model_type=copied.plan.fit.family,
    )
    client.log_outputs(run, [LoggedModelOutput(made.model_id, step=0)])
    client.log_batch(run, metrics=of_candidate(copied, made.model_id))
    return made


def _tags(copied: Copied) -> dict[str, str]:
    """Few: a model's page lists all tags of all its versions. What each gate said is with the run."""
    start, plan = copied.view.start, copied.plan
    found = {
        RUN_TAG: start.run_id,
        VERDICT_TAG: verdict_of(plan, copied.view.verdict),
        "raytemplate.as_of": show_moment(plan.as_of),
        "raytemplate.template": f"{plan.name} {plan.version}",
        "raytemplate.commit": start.commit,
    }
    return {name: value for name, value in found.items() if value}


def _describe(client: MlflowClient, model: str, copy: SeenVersion, copied: Copied) -> None:
    """What was decided since the version was registered."""
    client.update_model_version(model, str(copy.number), redact(version_note(copied.view)))
    _tag(client, model, copy, _tags(copied))


def _tag(client: MlflowClient, model: str, copy: SeenVersion, tags: Mapping[str, str]) -> None:
    for name, value in tags.items():
        if copy.tags.get(name) != value:
            client.set_model_version_tag(model, str(copy.number), name, value)


def _set_alias(client: MlflowClient, registered: RegisteredModel, alias: str, version: str | None) -> None:
    now = registered.aliases.get(alias)
    if version is None:
        if now is not None:
            client.delete_registered_model_alias(registered.name, alias)
    elif str(now) != version:
        client.set_registered_model_alias(registered.name, alias, version)
