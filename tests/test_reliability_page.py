"""The page of faults names existing tests, and every test named after a fault is on it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text()


def test_faults_and_their_tests_are_on_the_page() -> None:
    written = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)", written, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - there == set()
    numbers = {name.split("_")[1] for name in there if re.match(r"test_f\d\d_", name)}
    assert numbers == {"f03", "f07", "f08", "f09", "f11", "f12", "f19", "f20", "f24"}
    assert {name.split("_")[1] for name in named if re.match(r"test_f\d\d_", name)} == numbers
