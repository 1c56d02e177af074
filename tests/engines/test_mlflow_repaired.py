"""MLflow's copy is never believed: what was done to it behind our back is seen by a look, and mended."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from old_workspace import MODEL, client_of, projected

from raytemplate.engines.mlflow.mirror import Mirror, tracking_uri
from raytemplate.engines.mlflow.seen import digest_by_bytes, read_local
from raytemplate.history.in_mlflow import ask, look
from raytemplate.ledger.opening import open_ledger


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Version 2 is the champion, version 3 the challenger. Every test leaves MLflow in line."""
    return projected(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def client(workspace):
    return client_of(workspace)


def looked(workspace):
    return look(MODEL, open_ledger(workspace).history(MODEL), workspace)


def champion(workspace):
    """MLflow's number of its champion; its files are those of the ledger's."""
    seen = read_local(tracking_uri(workspace), MODEL)
    number = seen.aliases["champion"]
    [version] = [version for version in seen.versions if version.number == number]
    assert digest_by_bytes(version) == open_ledger(workspace).head(MODEL).digest
    return number


def another_alias(client, number):
    client.set_registered_model_alias(MODEL, "champion", "1")
    return "MLflow's alias champion names version 1; the ledger says 2"


def no_alias(client, number):
    client.delete_registered_model_alias(MODEL, "champion")
    return "MLflow has no alias champion; the ledger says 2"


def a_second_challenger(client, number):
    client.set_registered_model_alias(MODEL, "challenger", str(number))
    return "MLflow's alias challenger names version 2; the ledger says 3"


def another_state(client, number):
    client.set_model_version_tag(MODEL, "1", "raytemplate.state", "champion")
    return 'MLflow\'s tag raytemplate.state of version 1 is "champion", expected "former"'


def another_digest(client, number):
    client.set_model_version_tag(MODEL, str(number), "raytemplate.digest", "0" * 64)
    return f'MLflow\'s tag raytemplate.digest of version {number} is "{"0" * 64}", expected "'


def a_version_deleted(client, number):
    client.delete_model_version(MODEL, str(number))
    return "MLflow has no copy of version 2"


def recreated_with_other_files(client, number):
    """Version 1 again, with the first version's files, which claims to be the champion."""
    found = client.search_model_versions(f"name='{MODEL}'")
    known = {version.tags.get("raytemplate.state"): version for version in found}
    client.delete_registered_model(MODEL)
    client.create_registered_model(MODEL)
    first, tags = known["former"], known["champion"].tags
    source = first.source.removeprefix("file://")
    folder = shutil.copytree(source, f"{source}-{number}")
    (Path(folder) / "stored" / "manifest.json").chmod(0o644)
    (Path(folder) / "stored" / "manifest.json").write_text('{"schema": 1, "files": []}')
    client.create_model_version(MODEL, source=f"file://{folder}", tags=tags)
    client.set_registered_model_alias(MODEL, "champion", "1")
    return "MLflow's alias champion names version 1, which is none of the ledger's; the ledger says 2"


BEHIND_OUR_BACK = [
    (another_alias, "repair"),
    (another_alias, "promotion"),
    (no_alias, "repair"),
    (a_second_challenger, "repair"),
    (another_state, "repair"),
    (another_digest, "promotion"),
    (a_version_deleted, "repair"),
    (a_version_deleted, "promotion"),
    (recreated_with_other_files, "repair"),
    (recreated_with_other_files, "promotion"),
]


@pytest.mark.parametrize(("done", "by"), BEHIND_OUR_BACK, ids=[f"{done.__name__}-{by}" for done, by in BEHIND_OUR_BACK])
def test_what_was_done_behind_our_back_is_seen_and_mended(workspace, client, done, by):
    expected = done(client, champion(workspace))
    assert any(line.startswith(expected) for line in looked(workspace)), looked(workspace)
    if by == "repair":
        mended = Mirror(workspace).repair(MODEL)
        assert mended.left == () and any(line.startswith(expected) for line in mended.found)
    else:
        assert Mirror(workspace).try_project(MODEL) == ""
    assert looked(workspace) == () and champion(workspace)
    if by == "repair":
        assert Mirror(workspace).repair(MODEL).found == ()


def test_files_that_were_changed_in_mlflow_are_found_when_asked_and_registered_again(workspace):
    number = champion(workspace)
    [version] = [v for v in read_local(tracking_uri(workspace), MODEL).versions if v.number == number]
    weights = Path(version.source.removeprefix("file://")) / "stored" / "weights.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(b"others")
    assert looked(workspace) == ()  # a look reads no weights
    assert "MLflow has no copy of version 2" in ask(MODEL, open_ledger(workspace).history(MODEL), workspace)
    assert Mirror(workspace).repair(MODEL).left == ()
    assert champion(workspace) > number


def test_a_look_says_nothing_of_a_database_that_is_written_right_now(workspace):
    with closing(sqlite3.connect(workspace.mlflow_db, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert looked(workspace) == ()
        db.execute("ROLLBACK")
