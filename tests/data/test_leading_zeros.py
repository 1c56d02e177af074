"""Codes with leading zeros: columns that are read as whole numbers say if two codes would be one number."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text import scan as scanning

CASES = {
    "two lengths": (["007", "07"], True),
    "with and without": (["7", "007"], True),
    "a shorter one": (["007", "12"], True),
    "one length": (["007", "012", "100"], False),
    "longer ones": (["007", "999", "1000"], False),
    "no zero in front": (["7", "12", "100"], False),
    "zero itself": (["0", "12"], False),
    "signs": (["-07", "-7"], True),
    "blanks": ([" 07", "7 "], True),
    "quotes": (['"07"', "7"], True),
    "a missing one": (["", "07", "7"], True),
    "more than 18 digits": (["00000000000000000001", "90000000000000000000", "1"], True),
    "fractions": (["0.5", "00.5", "1"], False),
    "dates elsewhere": (["5", "6"], False),
}


def padded(folder, *files, types=None):
    for number, values in enumerate(files):
        lines = [f"05/01/2024 05:00,{one},x" for one in values]
        (folder / f"{number}.csv").write_text("\n".join(["t,code,name", *lines]) + "\n")
    return list_files("auto", ListOrder(pattern="*.csv", root=folder, types=types or {})).padded


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES)
def test_a_column_in_which_two_codes_may_be_one_number_is_told(tmp_path, values, expected):
    assert padded(tmp_path, values) == (("code",) if expected else ())


def test_it_does_not_matter_in_which_file_or_block_they_are(tmp_path, monkeypatch):
    assert padded(tmp_path, ["12"] * 9, ["007"] * 9) == ("code",)
    monkeypatch.setattr(scanning, "BLOCK_BYTES", 64)
    assert padded(tmp_path, ["12"] * 9 + ["007"] * 9, []) == ("code",)


@pytest.mark.parametrize("kind", ["text", "integer", "number"])
def test_a_promised_type_settles_it(tmp_path, kind):
    assert padded(tmp_path, ["007", "7"], types={"code": kind}) == ()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("01", min_size=1, max_size=4), min_size=1, max_size=8))
def test_codes_that_are_not_told_of_stay_apart(tmp_path_factory, codes):
    if not padded(tmp_path_factory.mktemp("codes"), codes):
        assert len(set(codes)) == len({int(one) for one in codes})


@pytest.mark.parametrize(("names", "expected"), [(["007", "7"], ("s",)), (["01", "12"], ()), (["a", "07"], ())])
def test_names_of_folders_are_told_of_too(tmp_path: Path, names, expected):
    for name in names:
        (tmp_path / f"s={name}").mkdir()
        (tmp_path / f"s={name}" / "a.csv").write_text("x\n1\n")
    found = list_files("auto", ListOrder(pattern=".", root=tmp_path))
    assert found.padded == expected
    assert list_files("auto", ListOrder(pattern=".", root=tmp_path, types={"s": "text"})).padded == ()
