"""Stamps of files: every way to change a file shows, also those that keep its size and its time."""

import os
import shutil

import pytest

from raytemplate.data.sources.stamps import stamps_of


def written_in_place(path):
    before = path.stat()
    path.write_bytes(b"b" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def moved_over(path):
    other = path.with_name("other")
    other.write_bytes(b"b" * path.stat().st_size)
    shutil.copystat(path, other)
    other.replace(path)


CHANGES = {
    "longer": lambda path: path.write_bytes(b"a" * 11),
    "written in place, with its time set back": written_in_place,
    "another file moved over it, with the same time": moved_over,
    "touched": lambda path: os.utime(path, (0, 0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_seen(tmp_path, change):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"a" * 10)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    before = stamps_of(["a.parquet"], str(tmp_path))
    assert stamps_of(["a.parquet"], str(tmp_path)) == before
    change(path)
    assert stamps_of(["a.parquet"], str(tmp_path)).of != before.of


def test_a_file_that_has_just_changed_is_not_settled_and_one_that_is_gone_is_named(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"a")
    found = stamps_of(["a", "b"], str(tmp_path))
    assert (list(found.of), found.missing, found.is_settled) == (["a"], ("b",), False)
    later = (tmp_path / "a").stat().st_ctime_ns + 3_000_000_000
    monkeypatch.setattr("time.time_ns", lambda: later)
    assert stamps_of(["a"], str(tmp_path)).is_settled
