"""`init` and the reader share the rule for the separator of a CSV file and the list of words for missing values."""

from pathlib import Path

import pytest

from raytemplate.data.sources.reader import list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.text.missing_words import MISSING_IN_TEXT, MISSING_OUTSIDE_TEXT, MISSING_WORDS
from raytemplate.data.sources.text.separator import separator_of
from raytemplate.starting.survey.sample import sample_of
from raytemplate.starting.survey.survey import Asked, survey

NOTES = tuple(f"{n};{n},5;a note, of {n} words" for n in range(9))
AWKWARD = {
    "more commas in a name than semicolons": (";", ["id;price;comment (a, b, c, d)", *NOTES]),
    "as many commas in every comment as in the header": (
        ";",
        ["id;price;a, b, c, d", "1;2;w, x, y, z", "2;3;u, v, w, x"],
    ),
    "decimal commas": (";", ["a;b;c", *(f"{n},5;{n},25;1,0" for n in range(9))]),
    "one record of decimal commas": (";", ["a;b;c", "1,5;2,5;3,5"]),
    "semicolons in a quoted name": (",", ['a,"b;c;d;e",f', "1,2,3", "4,5,6"]),
    "pipes in a name": ("\t", ["a\tb|c|d|e", "1\t2", "3\t4"]),
    "tabs in a quoted comment": (",", ["a,b", '1,"x\ty\tz"', '2,"x\ty\tz"']),
    "a line end in a quoted name": (",", ['a,"b\n;;;"', "1,2", "3,4"]),
    "a record with a field too many": (",", ["a,b,c", "1,2,3", "4,5,6,7", "8,9,10"]),
    "a record cut short, semicolons in its text": (",", ["a,b,c", "1,2,x;y", "4;5", "8,9,z;z"]),
    "blanks after commas": (",", ["a, b, c", "1, 2, 3"]),
    "blanks alone": (" ", ["a b c", "1 2 3", "4 5 6"]),
    "a title of words": (",", ["full name", "Ada Lovelace", "Grace Brewster Hopper"]),
    "a single column": (",", ["price", "1", "2"]),
    "a header and no record": ("|", ["id|price, net", ""]),
    "blank lines before it": (";", ["", "", "a;b, c, d", "1;2", "3;4"]),
}


@pytest.mark.parametrize(("separator", "lines"), AWKWARD.values(), ids=AWKWARD)
def test_separator_of_an_awkward_header_is_the_same_to_the_reader_and_the_survey(
    tmp_path: Path, separator: str, lines: list[str]
) -> None:
    content = "\ufeff" + "\n".join(lines) + "\n"
    (tmp_path / "t.csv").write_text(content)

    assert separator_of(content.encode()) == separator
    assert sample_of(str(tmp_path / "t.csv")).separator == separator


def test_columns_of_a_header_with_commas_are_those_that_init_finds(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["id;price;comment (a, b, c, d)", *NOTES]) + "\n")

    read = list_files("csv", ListOrder(pattern="t.csv", root=tmp_path))
    surveyed = survey(Asked(data="t.csv", target="price"), tmp_path)

    assert tuple(read.schema) == ("id", "price", "comment (a, b, c, d)")
    assert tuple(column.name for column in surveyed.columns) == tuple(read.schema)


def test_separator_of_a_long_file_is_told_by_whole_records_of_its_beginning() -> None:
    content = "a;b\n" + "".join(f"{n};{'x, ' * 900}\n" for n in range(100))

    assert separator_of(content.encode()) == ";"


def test_words_for_missing_that_the_reader_takes_are_those_that_init_looks_for() -> None:
    assert {word.lower() for word in MISSING_OUTSIDE_TEXT} <= MISSING_WORDS.keys()
    assert MISSING_WORDS.keys() >= MISSING_IN_TEXT
