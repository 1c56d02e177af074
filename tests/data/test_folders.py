"""Each file of a folder is read once, whatever links lead to it; what is not read is reported."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate.data.sources.folders import say_left_out
from raytemplate.data.sources.locations import find
from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.errors import DataError

ENDINGS = (".csv", ".csv.gz")


@pytest.fixture
def months(tmp_path):
    """Three months of 500 rows, each in a folder of its own."""
    for month in ("2024-01", "2024-02", "2024-03"):
        (tmp_path / "d" / month).mkdir(parents=True)
        (tmp_path / "d" / month / "a.csv").write_text("day,x\n" + f"{month}-05,1\n" * 500)
    return tmp_path / "d"


def found(folder, pattern="d"):
    files = find(pattern, folder.parent, ENDINGS)
    return [os.path.relpath(name, folder) for name in files.files], {one.path: one.why for one in files.left_out}


THREE = ["2024-01/a.csv", "2024-02/a.csv", "2024-03/a.csv"]


def link_to_newest(d):
    (d / "latest").symlink_to("2024-03")


def link_to_itself(d):
    (d / "loop").symlink_to(".")


def links_up_and_down(d):
    (d / "loop").symlink_to(".")
    (d / "2024-01" / "up").symlink_to("..")
    (d / "2024-02" / "other").symlink_to(d / "2024-01")


def link_to_file(d):
    (d / "newest.csv").symlink_to("2024-03/a.csv")


def hard_link(d):
    os.link(d / "2024-01" / "a.csv", d / "2024-01" / "copy.csv")


def link_outside(d):
    (d.parent / "b.csv").write_text("day,x\n")
    (d / "b.csv").symlink_to("../b.csv")


def folder_outside(d):
    (d.parent / "old").mkdir()
    (d.parent / "old" / "b.csv").write_text("day,x\n")
    (d / "old").symlink_to(d.parent / "old")


def broken_link(d):
    (d / "b.csv").symlink_to("nowhere")


def pipe(d):
    os.mkfifo(d / "b.csv")


def leftovers_of_spark(d):
    (d / "_SUCCESS").touch()
    (d / "2024-01" / ".a.csv.crc").touch()
    (d / "_temporary" / "0").mkdir(parents=True)
    (d / "_temporary" / "0" / "a.csv").write_text("day,x\n")


def other_endings(d):
    for name in ("notes.txt", "apr.xlsx", "may.csv.bak", "jun.csv.zip"):
        (d / name).touch()


@pytest.mark.parametrize(
    ("make", "left_out"),
    [
        (link_to_newest, {"latest": "a link to a folder that is read"}),
        (link_to_itself, {"loop": "a link to a folder that is read"}),
        (
            links_up_and_down,
            {
                "loop": "a link to a folder that is read",
                "2024-01/up": "a link to a folder that is read",
                "2024-02/other": "a link to a folder that is read",
            },
        ),
        (link_to_file, {"newest.csv": "the same file as 2024-03/a.csv"}),
        (hard_link, {"2024-01/copy.csv": "the same file as 2024-01/a.csv"}),
        (link_outside, {"b.csv": "a link out of the folder"}),
        (folder_outside, {"old": "a link out of the folder"}),
        (broken_link, {"b.csv": "a broken link"}),
        (pipe, {"b.csv": "not a file"}),
        (leftovers_of_spark, {"_temporary": "begins with . or _"}),
        (other_endings, dict.fromkeys(("apr.xlsx", "jun.csv.zip", "may.csv.bak", "notes.txt"), "another ending")),
    ],
)
def test_a_file_is_read_once_and_what_is_not_read_is_told(months, make, left_out):
    make(months)
    assert found(months) == (THREE, left_out)
    table = list_files("auto", ListOrder(pattern="d", root=months.parent, time="day"))
    assert sum(file.num_rows for file in table.files) == 1500
    assert say_left_out(table.left_out).startswith(f"{len(left_out)} not read: {min(left_out)}")


@pytest.mark.parametrize("make", [link_to_newest, link_to_itself, links_up_and_down, link_to_file, hard_link, pipe])
@pytest.mark.parametrize("pattern", ["d/**/*.csv", "d/**", "d/*/*.csv", "d/20*/a.CSV", "d/*/*.c?v"])
def test_a_pattern_matches_each_file_once(months, make, pattern):
    make(months)
    assert found(months, pattern)[0] == THREE


def test_what_only_a_link_inside_leads_to_is_read(tmp_path):
    """As Kubernetes mounts it: the files are links into a hidden folder, which is replaced as a whole."""
    folder = tmp_path / "d"
    (folder / "..v1").mkdir(parents=True)
    (folder / "..v1" / "a.csv").write_text("x\n1\n")
    (folder / "..data").symlink_to("..v1")
    (folder / "a.csv").symlink_to("..data/a.csv")
    assert found(folder) == (["a.csv"], {})


def test_a_folder_or_file_that_is_named_may_be_a_link(months):
    (months.parent / "named").symlink_to(months)
    (months.parent / "one.csv").symlink_to(months / "2024-01" / "a.csv")
    assert len(find("named", months.parent, ENDINGS).files) == 3
    assert len(find("one.csv", months.parent, ENDINGS).files) == 1


@pytest.mark.parametrize("pattern", ["d", "d/*.csv", "d/**/*.csv", "d/*"])
def test_an_ending_counts_in_any_case(tmp_path, pattern):
    (tmp_path / "d").mkdir()
    for name in ("jan.csv", "FEB.CSV", "Mar.Csv"):
        (tmp_path / "d" / name).write_text("x\n1\n")
    table = list_files("auto", ListOrder(pattern=pattern, root=tmp_path))
    assert [file.path for file in table.files] == ["d/FEB.CSV", "d/Mar.Csv", "d/jan.csv"]


def test_a_packed_file_beside_itself_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").touch()
    (tmp_path / "d" / "a.csv.gz").touch()
    with pytest.raises(DataError, match=r"a\.csv\.gz: exists both compressed and uncompressed"):
        find("d", tmp_path, ENDINGS)


def test_a_table_with_a_log_is_no_folder_of_files(tmp_path):
    (tmp_path / "d" / "_delta_log").mkdir(parents=True)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "d" / "part-0.parquet")
    with pytest.raises(
        DataError, match="a table of Delta Lake: its files also hold rows that were replaced"
    ) as refused:
        list_files("auto", ListOrder(pattern="d", root=tmp_path))
    assert refused.value.next_step == "set data.source: delta:PATH, or --data delta:PATH with init"
    (tmp_path / "d" / "_delta_log").rename(tmp_path / "d" / ".hoodie")
    with pytest.raises(DataError, match="a table of Hudi") as refused:
        list_files("auto", ListOrder(pattern="d", root=tmp_path))
    assert "export" in refused.value.next_step


def test_a_folder_of_which_nothing_can_be_read_says_what_lies_there(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.xlsx").touch()
    with pytest.raises(DataError, match=r"no \*\.csv .* file in the folder .*; 1 not read: a\.xlsx \(another ending\)"):
        find("d", tmp_path, ENDINGS)
