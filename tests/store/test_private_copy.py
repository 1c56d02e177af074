"""What was hashed is what is read: a copy for one process, while somebody swaps the bytes in the store."""

import shutil
import threading
from pathlib import Path

import pytest

from raytemplate.errors import IntegrityError
from raytemplate.store.content_store import ContentStore

RIGHT, WRONG = b"right" * 20_000, b"wrong" * 20_000


@pytest.fixture
def stored(tmp_path: Path) -> tuple[ContentStore, str]:
    (tmp_path / "made" / "code").mkdir(parents=True)
    (tmp_path / "made" / "weights").write_bytes(RIGHT)
    (tmp_path / "made" / "code" / "own.py").write_text("x = 1\n")
    store = ContentStore(tmp_path / "store")
    return store, store.put(tmp_path / "made").digest


def test_a_copy_has_all_files_and_is_gone_at_the_end(stored: tuple[ContentStore, str]) -> None:
    store, digest = stored
    with store.private(digest) as copy:
        assert (copy / "weights").read_bytes() == RIGHT and (copy / "code" / "own.py").is_file()
        assert copy != store.path(digest) and copy.stat().st_mode & 0o077 == 0
    assert not copy.exists() and store.open(digest)


def test_what_is_missing_or_edited_is_named(stored: tuple[ContentStore, str]) -> None:
    store, digest = stored
    with pytest.raises(IntegrityError, match="is not a digest"), store.private("../x"):
        pass
    weights = store.path(digest) / "weights"
    weights.chmod(0o644)
    weights.write_bytes(WRONG)
    with pytest.raises(IntegrityError, match=r"weights: sha256 .*, recorded was"), store.private(digest):
        pass
    shutil.rmtree(store.path(digest))
    with pytest.raises(IntegrityError, match="not in the store"), store.private(digest):
        pass


def test_bytes_that_are_swapped_all_the_time_are_never_read(stored: tuple[ContentStore, str]) -> None:
    store, digest = stored
    weights, end = store.path(digest) / "weights", threading.Event()
    weights.chmod(0o644)

    def swap() -> None:
        while not end.is_set():
            for data in (WRONG, RIGHT):
                weights.write_bytes(data)

    swapping = threading.Thread(target=swap)
    swapping.start()
    refused = 0
    try:
        for _ in range(200):
            try:
                with store.private(digest) as copy:
                    assert (copy / "weights").read_bytes() == RIGHT
            except IntegrityError:
                refused += 1
    finally:
        end.set()
        swapping.join()
    assert refused


def test_a_full_disk_is_told_as_one_and_not_as_a_change(tmp_path, monkeypatch):
    import errno

    from raytemplate.errors import Unavailable
    from raytemplate.store import content_store

    made = tmp_path / "made"
    made.mkdir()
    (made / "weights").write_bytes(b"12345")
    store = content_store.ContentStore(tmp_path / "store")
    digest = store.put(made).digest

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(content_store.shutil, "copyfile", full)
    with pytest.raises(Unavailable, match="disk full"), store.private(digest):
        pass
