"""A site in a bucket: the same pages, sent as what a browser shows."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

import pytest
from bucket import bucket_store
from site_runs import JULY, sample

from raytemplate.errors import DataError
from raytemplate.store.workspace import Workspace
from raytemplate.testing.sample_runs import write_runs
from raytemplate.website.destination import open_destination
from raytemplate.website.update import update_site


def test_a_bucket_holds_what_a_folder_would(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket_store() as store:
        environment = {"AWS_ENDPOINT_URL": store.endpoint, "AWS_ACCESS_KEY_ID": "w", "AWS_SECRET_ACCESS_KEY": "s"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        written = []
        for more in ([], [sample("eeeeee", days=69, name="a-late-one")], []):
            write_runs(workspace, more)
            with open_destination("s3://lake/models/") as there, open_destination(str(tmp_path / "site")) as here:
                written.append(update_site(workspace, there, JULY).num_written)
                update_site(workspace, here, JULY)
        assert written == [8, 4, 1]
        for page in (tmp_path / "site").rglob("*.html"):
            assert store.get(f"models/{page.relative_to(tmp_path / 'site').as_posix()}") == page.read_bytes()
        with urlopen(f"{store.endpoint}/lake/models/index.html") as answer:
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_bucket_that_is_not_there_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "w")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        with open_destination("s3://nowhere/x") as there, pytest.raises(DataError, match="no such bucket"):
            update_site(workspace, there, JULY)
