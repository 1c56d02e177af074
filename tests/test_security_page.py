"""The page of threats names test files that exist, and every threat that has a number once."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text()


def test_every_test_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE)
    assert len(named) > 20 and [name for name in named if not (TESTS.parent / name).is_file()] == []


def test_every_threat_is_a_row_or_said_not_to_be_defended() -> None:
    table, _, rest = PAGE.partition("## What is not defended")
    rows = re.findall(r"^\| (T\d+) \|", table, re.MULTILINE)
    assert rows == sorted(set(rows), key=lambda name: int(name[1:]))
    assert {*rows, *re.findall(r"\((T\d+)\)", rest)} == {f"T{number}" for number in range(1, 21)}


def test_every_row_has_a_test() -> None:
    table = PAGE.partition("| test file |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert [row for row in table if "`tests/" not in row] == []
