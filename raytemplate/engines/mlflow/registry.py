"""The ledger's versions as MLflow's registered model: a copy, brought in line again each time it is looked at."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from raytemplate.engines.mlflow.tracking import RUN_TAG
from raytemplate.ledger.head import Ledger
from raytemplate.store.objects import ObjectStore

DIGEST_TAG = "raytemplate.digest"
CHAMPION, CHALLENGER = "champion", "challenger"


def project(client: MlflowClient, model: str, ledger: Ledger, store: ObjectStore, experiments: list[str]) -> None:
    """Register every version of the ledger that MLflow lacks, in order, and set both aliases to what the ledger says.

    The caller holds the workspace's MLflow lock; MLflow itself would let the last writer win.
    """
    versions = ledger.versions(model)
    if not versions:
        return
    known = _known(client, model)
    for version in versions:
        if version.digest not in known:
            made = client.create_model_version(
                model, source=str(store.path(version.digest).absolute()),
                run_id=_mlflow_run(client, version.run_id, experiments),
                tags={DIGEST_TAG: version.digest, RUN_TAG: version.run_id},
            )  # fmt: skip
            known[version.digest] = str(made.version)
    by_state = {v.state: known[v.digest] for v in versions}
    _set_alias(client, model, CHAMPION, by_state.get("champion"))
    _set_alias(client, model, CHALLENGER, by_state.get("challenger"))


def _known(client: MlflowClient, model: str) -> dict[str, str]:
    """Digest -> MLflow's version; the registered model is made where it is missing."""
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.search_model_versions(f"name = '{model}'")
    return {v.tags[DIGEST_TAG]: str(v.version) for v in found if DIGEST_TAG in v.tags}


def _mlflow_run(client: MlflowClient, run_id: str, experiments: list[str]) -> str | None:
    found = client.search_runs(experiments, f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def _set_alias(client: MlflowClient, model: str, alias: str, version: str | None) -> None:
    now = client.get_registered_model(model).aliases.get(alias)
    if version is None:
        if now is not None:
            client.delete_registered_model_alias(model, alias)
    elif str(now) != version:
        client.set_registered_model_alias(model, alias, version)
