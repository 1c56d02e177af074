"""Copies the ledger's versions to MLflow's registered model, and repairs the copy every time."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Version
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.packaged import BYTES, write_package
from raytemplate.engines.mlflow.signature import Interface
from raytemplate.engines.mlflow.tags import DIGEST_TAG, RUN_TAG, judged, made_from
from raytemplate.ledger.head import Ledger, ModelVersion
from raytemplate.redact import redact
from raytemplate.reports.run_note import model_note, version_note
from raytemplate.store.content_store import ContentStore

STATE_TAG = "raytemplate.state"
CHAMPION, CHALLENGER = "champion", "challenger"
_FOLDER = "model"


def project(
    client: MlflowClient,
    model: str,
    ledger: Ledger,
    store: ContentStore,
    tracked: Callable[[str], tuple[Copied, str]],
    judged_again: str = "",
) -> None:
    """Register every version of the ledger that MLflow lacks, in order, and set both aliases as in the ledger.

    The caller holds the workspace's MLflow lock; MLflow itself would let the last writer win.

    Args:
        tracked: the records of a run, and its MLflow run, which is made if there is none.
        judged_again: a run whose verdict may have changed since its version was registered.
    """
    versions = ledger.history(model).versions
    if not versions:
        return
    registered = _registered(client, model, lambda: tracked(versions[-1].run_id)[0])
    known = {v.tags[DIGEST_TAG]: v for v in client.search_model_versions(f"name = '{model}'") if DIGEST_TAG in v.tags}
    for version in versions:
        if version.digest not in known:
            known[version.digest] = _register(client, version, store, *tracked(version.run_id))
        elif version.run_id == judged_again:
            _describe(client, known[version.digest], tracked(version.run_id)[0])
        _tag(client, known[version.digest], {STATE_TAG: version.state})
    by_state = {v.state: str(known[v.digest].version) for v in versions}
    for alias in (CHAMPION, CHALLENGER):
        _set_alias(client, registered, alias, by_state.get(alias))


def _registered(client: MlflowClient, model: str, newest: Callable[[], Copied]) -> RegisteredModel:
    """The registered model, made and described if there is none; a description that people wrote is theirs."""
    try:
        found = client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return client.create_registered_model(model, description=redact(model_note(newest().plan)))
    if not found.description:
        client.update_registered_model(model, redact(model_note(newest().plan)))
    return found


def _register(client: MlflowClient, version: ModelVersion, store: ContentStore, copied: Copied, run: str) -> Version:
    """A version in MLflow with a copy of the bytes of its own: MLflow writes into the folders it loads from."""
    train = copied.journal.statistics().get("train")
    interface = Interface.of(copied.plan, copied.journal.need(FittedFeatures), train)
    client.log_artifacts(run, str(store.open(version.digest)), f"{_FOLDER}/{BYTES}")
    with TemporaryDirectory() as folder:
        write_package(Path(folder), interface, copied.plan.fit, copied.lock.environment, run)
        client.log_artifacts(run, folder, _FOLDER)
    return client.create_model_version(
        version.model,
        source=f"{client.get_run(run).info.artifact_uri}/{_FOLDER}",
        run_id=run,
        tags={**_tags(copied), DIGEST_TAG: version.digest, STATE_TAG: version.state},
        description=redact(version_note(copied.view)),
    )


def _tags(copied: Copied) -> dict[str, str]:
    start = copied.view.start
    return {RUN_TAG: start.run_id} | made_from(copied.plan, start) | judged(copied.plan, copied.journal)


def _describe(client: MlflowClient, known: Version, copied: Copied) -> None:
    """What was decided since the version was registered."""
    note = redact(version_note(copied.view))
    if known.description != note:
        client.update_model_version(known.name, known.version, note)
    _tag(client, known, _tags(copied))


def _tag(client: MlflowClient, known: Version, tags: dict[str, str]) -> None:
    for name, value in tags.items():
        if known.tags.get(name) != value:
            client.set_model_version_tag(known.name, known.version, name, value)


def _set_alias(client: MlflowClient, registered: RegisteredModel, alias: str, version: str | None) -> None:
    now = registered.aliases.get(alias)
    if version is None:
        if now is not None:
            client.delete_registered_model_alias(registered.name, alias)
    elif str(now) != version:
        client.set_registered_model_alias(registered.name, alias, version)
