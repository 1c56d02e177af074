"""Folders that are complete and can be checked."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from raytemplate.errors import IntegrityError
from raytemplate.store.manifest import FileEntry, Manifest, read_manifest, verify, write_manifest

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def model_folder(folder: Path) -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "weights").write_bytes(b"hello")
    (folder / "inner" / "state.json").write_bytes(b"{}")
    return folder


def test_write_manifest_lists_every_file_by_name(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    manifest = write_manifest(folder)
    assert [entry.name for entry in manifest.files] == ["inner/state.json", "weights"]
    assert manifest.files[1] == FileEntry(name="weights", size_bytes=5, sha256=HELLO)
    assert manifest.num_bytes == 7
    assert read_manifest(folder) == verify(folder) == write_manifest(folder) == manifest


def test_digest_depends_on_names_and_bytes_and_not_on_order() -> None:
    one, two = FileEntry(name="a", size_bytes=1, sha256="x"), FileEntry(name="b", size_bytes=1, sha256="y")
    assert Manifest(files=(one, two)).digest == Manifest(files=(two, one)).digest
    swapped = (FileEntry(name="b", size_bytes=1, sha256="x"), FileEntry(name="a", size_bytes=1, sha256="y"))
    assert Manifest(files=(one, two)).digest != Manifest(files=swapped).digest


def flip(folder: Path) -> None:
    (folder / "weights").write_bytes(b"hellO")


def shorten(folder: Path) -> None:
    (folder / "weights").write_bytes(b"hell")


def remove(folder: Path) -> None:
    (folder / "inner" / "state.json").unlink()


def add(folder: Path) -> None:
    (folder / "inner" / "loader.py").write_bytes(b"evil")


def link(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/hostname")


def link_folder(folder: Path) -> None:
    (folder / "link").symlink_to("/etc", target_is_directory=True)


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def unfinished(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def tear(folder: Path) -> None:
    text = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(text[: len(text) // 2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip, r"weights: sha256 [0-9a-f]{12}, recorded was 2cf24dba5fb0"),
        (shorten, r"weights: 4 bytes, recorded were 5"),
        (remove, r"inner/state\.json: missing, manifest\.json lists it"),
        (add, r"inner/loader\.py: not in manifest\.json"),
        (link, r"link: a symbolic link"),
        (link_folder, r"link: a symbolic link"),
        (pipe, r"pipe: neither a file nor a folder"),
        (unfinished, r"no manifest\.json: the folder was not written completely"),
        (tear, r"manifest\.json: not a record"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_verify_when_the_folder_was_changed_names_the_file(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = model_folder(tmp_path / "m")
    write_manifest(folder)
    damage(folder)
    with pytest.raises(IntegrityError, match=message):
        verify(folder)


def test_write_manifest_refuses_a_link_and_writes_nothing(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    link(folder)
    with pytest.raises(IntegrityError, match="link: a symbolic link"):
        write_manifest(folder)
    assert sorted(os.listdir(folder)) == ["inner", "link", "weights"]
