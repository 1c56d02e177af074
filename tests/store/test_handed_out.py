"""What a person asks for by name is never written into the workspace's own folder, or over another kind of file."""

from pathlib import Path

import pytest

from raytemplate.errors import UsageError
from raytemplate.store.handed_out import hand_out, refuse_records


@pytest.mark.parametrize("name", [".raytemplate/governance.db", ".raytemplate/runs/a/b.html", "link/governance.db"])
def test_nothing_is_written_among_records(tmp_path: Path, name: str) -> None:
    (tmp_path / ".raytemplate").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / ".raytemplate")
    with pytest.raises(UsageError, match=r"inside \.raytemplate, which holds records"):
        refuse_records(tmp_path / name)


@pytest.mark.parametrize(("there", "is_written"), [("", True), ("<!DOCTYPE html><p>", True), ("data: {}\n", False)])
def test_a_file_of_another_kind_stays(tmp_path: Path, there: str, is_written: bool) -> None:
    path, page = tmp_path / "page", b"<!doctype html>new"
    path.write_text(there)
    if is_written:
        hand_out(path, page, begins=b"<!doctype html>")
    else:
        with pytest.raises(UsageError, match="holds another kind of file"):
            hand_out(path, page, begins=b"<!doctype html>")
    assert path.read_bytes() == (page if is_written else there.encode())
