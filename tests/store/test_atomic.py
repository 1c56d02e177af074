"""Files that exist completely or not at all."""

import errno
import os
from pathlib import Path

import pytest

from raytemplate.errors import Unavailable, UsageError
from raytemplate.store.atomic import append_line, read_lines, storage_error, write_atomic, write_first


def test_write_atomic_replaces_the_old_bytes_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["record.json"]


def test_write_atomic_when_the_disk_is_full_keeps_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, b"one")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unavailable, match="disk full") as caught:
        write_atomic(path, b"two")
    assert str(path) in caught.value.what
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["record.json"]


def test_write_atomic_when_the_rename_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "record.json").mkdir()
    with pytest.raises(UsageError, match=r"record\.json: cannot be written: Is a directory"):
        write_atomic(tmp_path / "record.json", b"one")
    assert os.listdir(tmp_path) == ["record.json"]


def test_write_atomic_in_a_folder_that_is_missing_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent/a\.json: cannot be written: No such file or directory"):
        write_atomic(tmp_path / "absent" / "a.json", b"")


@pytest.mark.parametrize("links", [True, False], ids=["links", "a file system without links"])
def test_write_first_never_replaces_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "end.json"
    assert write_first(path, b"one")
    assert not write_first(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["end.json"]
    with pytest.raises(UsageError, match=r"absent/a\.json: cannot be written"):
        write_first(tmp_path / "absent" / "a.json", b"")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Unavailable),
        (errno.EDQUOT, Unavailable),
        (errno.EIO, Unavailable),
        (errno.EACCES, UsageError),
        (errno.EROFS, UsageError),
    ],
    ids=["full", "quota", "broken", "forbidden", "read-only"],
)
def test_storage_error_has_the_exit_code_of_its_cause(number: int, kind: type[Exception]) -> None:
    assert type(storage_error(OSError(number, ""), Path("/a/b"))) is kind


def test_read_lines_leaves_out_a_torn_last_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert read_lines(path) == ()
    append_line(path, b"one")
    append_line(path, b"two")
    path.write_bytes(path.read_bytes() + b"thr")
    assert read_lines(path) == (b"one", b"two")


@pytest.mark.parametrize("torn", [b"thr", b"x" * 200_000], ids=["short", "longer than one look back"])
def test_append_line_after_a_torn_line_does_not_lose_the_new_one(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n" + torn)
    append_line(path, b"two")
    assert path.read_bytes() == b"one\ntwo\n"


def test_append_line_refuses_two_lines(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no newline"):
        append_line(tmp_path / "log", b"one\ntwo")
