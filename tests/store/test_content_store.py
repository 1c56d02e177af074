"""Folders kept under the digest of their contents."""

import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from raytemplate.errors import IntegrityError
from raytemplate.store.content_store import ContentStore
from raytemplate.store.manifest import verify, write_manifest


def model_folder(folder: Path, num_bytes: int = 1000) -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * num_bytes)
    (folder / "inner" / "state.json").write_bytes(b"{}")
    return folder


def put_often(root: Path, folder: Path) -> str:
    store = ContentStore(root)
    digests = {store.put(folder).digest for _ in range(5)}
    return digests.pop()


def test_put_copies_read_only_files_and_open_finds_them(tmp_path: Path) -> None:
    source, store = model_folder(tmp_path / "m"), ContentStore(tmp_path / "models")
    digest = write_manifest(source).digest
    assert store.put(source).digest == digest
    stored = store.open(digest)
    assert stored == store.path(digest) == tmp_path / "models" / digest[:2] / digest
    assert (stored / "inner" / "state.json").read_bytes() == b"{}"
    assert {stat.S_IMODE((stored / n).stat().st_mode) for n in ("weights", "inner/state.json", "manifest.json")} == {
        0o444
    }
    assert os.listdir(tmp_path / "models" / ".incoming") == []


def test_put_of_a_folder_without_manifest_gives_the_copy_one_and_leaves_the_folder_alone(tmp_path: Path) -> None:
    source, store = model_folder(tmp_path / "m"), ContentStore(tmp_path / "models")
    manifest = store.put(source)
    assert sorted(os.listdir(source)) == ["inner", "weights"]
    assert verify(store.open(manifest.digest)) == manifest == write_manifest(source)


def test_put_twice_stores_once(tmp_path: Path) -> None:
    source, store = model_folder(tmp_path / "m"), ContentStore(tmp_path / "models")
    first = store.put(source)
    before = store.path(first.digest).stat().st_ino
    assert store.put(source) == first
    assert store.path(first.digest).stat().st_ino == before


def test_put_by_four_processes_at_once_stores_once(tmp_path: Path) -> None:
    source, root = model_folder(tmp_path / "m", 500_000), tmp_path / "models"
    write_manifest(source)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        digests = set(pool.starmap(put_often, [(root, source)] * 4, chunksize=1))
    assert len(digests) == 1
    assert ContentStore(root).open(digests.pop()).is_dir()
    assert os.listdir(root / ".incoming") == []


def test_put_of_a_folder_that_differs_from_its_manifest_names_the_file_there(tmp_path: Path) -> None:
    source = model_folder(tmp_path / "m")
    write_manifest(source)
    (source / "weights").write_bytes(b"v" * 1000)
    with pytest.raises(IntegrityError) as caught:
        ContentStore(tmp_path / "models").put(source)
    assert caught.value.what.startswith(f"{source / 'weights'}: sha256 ")
    assert sorted(os.listdir(tmp_path / "models")) == [".incoming"]


def test_put_removes_copies_that_were_abandoned_a_day_ago(tmp_path: Path) -> None:
    source, store = model_folder(tmp_path / "m"), ContentStore(tmp_path / "models")
    old, new = store.root / ".incoming" / "old", store.root / ".incoming" / "new"
    for folder, age_s in ((old, 90_000), (new, 60)):
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age_s,) * 2)
    store.put(source)
    assert not old.exists()
    assert new.exists()


def test_open_of_a_tampered_object_names_the_file(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "models")
    digest = store.put(model_folder(tmp_path / "m")).digest
    weights = store.path(digest) / "weights"
    weights.chmod(0o644)
    weights.write_bytes(b"x" * 1000)
    with pytest.raises(IntegrityError) as caught:
        store.open(digest)
    assert caught.value.what.startswith(f"{weights}: sha256 ")
    assert "rollback" in caught.value.next_step
    with pytest.raises(IntegrityError, match="weights"):
        store.put(model_folder(tmp_path / "again"))


def test_open_of_other_bytes_with_their_own_manifest_is_refused(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "models")
    digest = store.put(model_folder(tmp_path / "m")).digest
    (store.path(digest) / "weights").unlink()
    (store.path(digest) / "weights").write_bytes(b"evil")
    write_manifest(store.path(digest))
    with pytest.raises(IntegrityError, match=r"manifest\.json: lists other files than were put in"):
        store.open(digest)


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc", ""], ids=["absent", "path", "empty"])
def test_open_of_what_is_not_there_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(IntegrityError):
        ContentStore(tmp_path / "models").open(digest)
