"""Another ledger than a registered model's decides nothing about it: a fresh workspace, a renamed template, a copy."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytemplate.engines.mlflow.mirror import Mirror
from raytemplate.engines.mlflow.owner import LEDGER_TAG, ledger_mark
from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor
from raytemplate.store.workspace import Workspace, create

MODEL, START = "flights", datetime(2013, 6, 1, tzinfo=UTC)
GROUNDS = Grounds(plan="p", snapshot="s", evaluation_sha256="e")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The team's MLflow, in which only the name of the model differs from test to test."""
    from mlflow import MlflowClient

    found = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'team.db'}"
    MlflowClient(tracking_uri=found, registry_uri=found).search_registered_models()
    return found


def workspace_at(folder: Path, *digests: str) -> Workspace:
    workspace = Workspace(folder)
    create(workspace)
    promote(workspace, *digests)
    return workspace


def promote(workspace: Workspace, *digests: str) -> None:
    ledger = Ledger(workspace.governance_db)
    for digest in digests:
        term = ledger.history(MODEL).term
        ledger.promote(MODEL, digest, f"run-{digest}", START, term, Actor(name="ada", automatic=True), GROUNDS)


def _copied(ours: Workspace) -> Workspace:
    shutil.copytree(ours.root, ours.folder / "copy" / ours.root.name)
    return Workspace(ours.folder / "copy")


OTHERS: dict[str, tuple[Callable[[Workspace], Workspace], str]] = {
    "a fresh workspace": (lambda ours: workspace_at(ours.folder / "new"), "is a ledger without events"),
    "another ledger": (lambda ours: workspace_at(ours.folder / "new", "x", "y", "z"), "is ledger "),
}


def registered(uri: str, name: str, mark: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=uri, registry_uri=uri).create_registered_model(name, tags={LEDGER_TAG: mark})


@pytest.mark.parametrize("other", OTHERS)
def test_another_ledger_is_refused(tmp_path: Path, uri: str, other: str) -> None:
    ours, (make, says) = workspace_at(tmp_path, "a", "b"), OTHERS[other]
    registered(uri, other, ledger_mark(Ledger(ours.governance_db)))
    Mirror(ours, uri).refuse_other_ledger(other)
    with pytest.raises(IntegrityError, match=says) as found:
        Mirror(make(ours), uri).refuse_other_ledger(other)
    assert found.value.exit_code == 7 and "another tracking.uri" in found.value.next_step


def test_of_two_copies_the_one_that_moved_first_goes_on(tmp_path: Path, uri: str) -> None:
    ours = workspace_at(tmp_path, "a")
    copy = _copied(ours)
    promote(ours, "b")
    promote(copy, "c")
    registered(uri, "copied", ledger_mark(Ledger(ours.governance_db)))
    promote(ours, "d")
    Mirror(ours, uri).refuse_other_ledger("copied")
    with pytest.raises(IntegrityError, match=r"with event 3, which .* does not have: this workspace is a copy"):
        Mirror(copy, uri).refuse_other_ledger("copied")


@pytest.mark.parametrize("asked", ["sqlite:////nowhere/at/all.db", "http://127.0.0.1:9"])
def test_mlflow_that_cannot_be_asked_stops_nothing(tmp_path: Path, asked: str) -> None:
    Mirror(workspace_at(tmp_path, "a"), asked).refuse_other_ledger(MODEL)
