"""Copies the ledger's versions to MLflow's registered model, and repairs the copy every time."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion as Version
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from raytemplate.engines.mlflow.copied import Copied
from raytemplate.engines.mlflow.measured import of_candidate
from raytemplate.engines.mlflow.owner import LEDGER_TAG, mark_of, refuse_other_ledger
from raytemplate.engines.mlflow.packaged import BYTES, write_package
from raytemplate.engines.mlflow.parameters import parameters
from raytemplate.engines.mlflow.signature import Interface
from raytemplate.engines.mlflow.tags import DIGEST_TAG, NOTE_TAG, RUN_TAG, VERDICT_TAG, verdict_of
from raytemplate.ledger.head import Ledger, ModelVersion
from raytemplate.models.saved import read_features
from raytemplate.redact import redact
from raytemplate.reports.run_note import model_note, version_note
from raytemplate.store.content_store import ContentStore
from raytemplate.units import show_moment

STATE_TAG = "raytemplate.state"
CHAMPION, CHALLENGER = "champion", "challenger"
_VERSIONS_TAG = "mlflow.modelVersions"
"""Where MLflow looks up which versions a model of an experiment was registered as."""
_NOT_IN_NAMES = re.compile(r"[/:.%\"']")


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

    Raises:
        IntegrityError: another ledger's model has this name in MLflow.
    """
    versions = ledger.history(model).versions
    if not versions:
        return
    registered = _registered(client, model, lambda: tracked(versions[-1].run_id)[0])
    refuse_other_ledger(registered, ledger)
    if (mark := mark_of(ledger)) != registered.tags.get(LEDGER_TAG, ""):
        client.set_registered_model_tag(model, LEDGER_TAG, mark)
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
