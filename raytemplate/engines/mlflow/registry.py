"""Copies the ledger's versions to MLflow's registered model, and repairs the copy every time."""

from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from raytemplate.engines.mlflow.tracking import RUN_TAG
from raytemplate.ledger.head import Ledger, ModelVersion
from raytemplate.store.content_store import ContentStore

DIGEST_TAG = "raytemplate.digest"
CHAMPION, CHALLENGER = "champion", "challenger"


def project(
    client: MlflowClient, model: str, ledger: Ledger, store: ContentStore, tracked: Callable[[str], str]
) -> None:
    """Register every version of the ledger that MLflow lacks, in order, and set both aliases as in the ledger.

    The caller holds the workspace's MLflow lock; MLflow itself would let the last writer win.

    Args:
        tracked: our run id -> the id of its MLflow run, which is created if it is missing.
    """
    versions = ledger.history(model).versions
    if not versions:
        return
    known = _known(client, model)
    for version in versions:
        if version.digest not in known:
            known[version.digest] = _register(client, version, store, tracked(version.run_id))
    by_state = {v.state: known[v.digest] for v in versions}
    _set_alias(client, model, CHAMPION, by_state.get("champion"))
    _set_alias(client, model, CHALLENGER, by_state.get("challenger"))


def _register(client: MlflowClient, version: ModelVersion, store: ContentStore, mlflow_run: str) -> str:
    """Create a version in MLflow with its own copy of the bytes, because MLflow writes into folders it loads from."""
    client.log_artifacts(mlflow_run, str(store.open(version.digest)), "model")
    made = client.create_model_version(
        version.model,
        source=f"{client.get_run(mlflow_run).info.artifact_uri}/model",
        run_id=mlflow_run,
        tags={DIGEST_TAG: version.digest, RUN_TAG: version.run_id},
    )
    return str(made.version)


def _known(client: MlflowClient, model: str) -> dict[str, str]:
    """Digest -> MLflow's version; the registered model is created if it is missing."""
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.search_model_versions(f"name = '{model}'")
    return {v.tags[DIGEST_TAG]: str(v.version) for v in found if DIGEST_TAG in v.tags}


def _set_alias(client: MlflowClient, model: str, alias: str, version: str | None) -> None:
    now = client.get_registered_model(model).aliases.get(alias)
    if version is None:
        if now is not None:
            client.delete_registered_model_alias(model, alias)
    elif str(now) != version:
        client.set_registered_model_alias(model, alias, version)
