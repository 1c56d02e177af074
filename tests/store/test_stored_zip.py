"""Archives are written in one way, and nothing hostile in one is unpacked: it is named, from the directory alone."""

import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from raytemplate.errors import IntegrityError
from raytemplate.store.digests import sha256_bytes
from raytemplate.store.stored_zip import archive_of, read_archive

FILES = {"a.json": b"{}\n", "deep/er/b.txt": b"two" * 9, "leer-ü": b""}
OUTSIDE = (
    "../up",
    "/etc/passwd",
    "a/../../b",
    "C:x",
    "a\\b",
    "./a",
    "a//b",
    "a/",
    "",
    "a\x1b[2Jb",
    "a\x00b",
    "x" * 999,
)


def written(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "it.zip").write_bytes(data)
    return tmp_path / "it.zip"


def other(tmp_path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    """An archive as another program writes it."""
    with zipfile.ZipFile(tmp_path / "it.zip", "w", how) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return tmp_path / "it.zip"


def test_files_come_back_and_equal_files_are_equal_bytes(tmp_path: Path) -> None:
    data = archive_of(FILES)
    found = read_archive(written(tmp_path, data))
    assert (found.files, found.faults) == (FILES, ())
    # The form of every pack that was ever written; another one would be refused.
    assert sha256_bytes(data) == "3fc491e2794e41031911c88f255925a1e632850db2b3863986cfff7747988015"


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_name_that_leads_outside_is_named_and_not_read(tmp_path: Path, name: str) -> None:
    entry = zipfile.ZipInfo("placeholder")
    entry.filename = name
    found = read_archive(other(tmp_path, (entry, b"x"), ("good", b"y")))
    assert found.files.keys() <= {"good", "a"} and len(found.faults) == 1


def test_a_link_a_second_file_of_a_name_and_a_compressed_one_are_named(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    packed = zipfile.ZipInfo("packed")
    packed.compress_type = zipfile.ZIP_DEFLATED
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = other(tmp_path, (link, b"/etc/passwd"), ("twice", b"1"), ("twice", b"2"), (packed, b"0" * 999))
    found = read_archive(path)
    assert found.files == {}
    assert [fault.split(",")[0] for fault in found.faults] == [
        "link: a link", "twice: 2 files of this name", "twice: 2 files of this name", "packed: compressed",
    ]  # fmt: skip


def test_a_bomb_is_refused_without_unpacking_it(tmp_path: Path) -> None:
    path = other(tmp_path, ("bomb", bytes(300_000_000)), how=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    found = read_archive(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.faults[0].startswith("bomb: compressed, 300,000,000 bytes from ") and most < 20_000_000


def test_entries_that_lie_about_their_size_are_refused(tmp_path: Path) -> None:
    data = bytearray(archive_of({"a": b"123"}))
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 28] = (2**31).to_bytes(4, "little") * 2
    found = read_archive(written(tmp_path, bytes(data)))
    assert found.faults == ("a: larger than the archive",)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"not a zip" * 9, archive_of(FILES)[:-1], archive_of(FILES) + b"x", archive_of(FILES)[30:]],
    ids=["empty", "two bytes", "text", "cut off", "followed by a byte", "beheaded"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"it\.zip: "):
        read_archive(written(tmp_path, data))


def test_any_byte_around_the_files_is_found(tmp_path: Path) -> None:
    data = archive_of(FILES)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x21
        try:
            found = read_archive(written(tmp_path, bytes(changed)))
        except IntegrityError:
            continue
        assert found.faults, at


def test_another_program_s_archive_of_the_same_files_is_not_as_it_was_written(tmp_path: Path) -> None:
    found = read_archive(other(tmp_path, *FILES.items()))
    assert found.files == FILES and found.faults[0].startswith("it.zip: the archive around its files is not as it was")
