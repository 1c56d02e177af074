"""`benchmarks/init_data.py --quick`: both sides read the same file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).parents[2] / "benchmarks" / "init_data.py"


@pytest.mark.slow
def test_both_sides_read_the_file_and_the_report_names_it():
    ended = subprocess.run(
        [sys.executable, str(RUNNER), "--quick"], capture_output=True, text=True, check=False, timeout=200
    )
    assert ended.returncode == 0, ended.stderr
    assert "figures mean nothing" in ended.stdout
    found = re.findall(r"^\| 2 MB, ([0-9,]+) rows +\| (raytemplate init|pandas)", ended.stdout, re.MULTILINE)
    (rows, ours), (same, theirs) = found
    assert (ours, theirs) == ("raytemplate init", "pandas") and rows == same and int(rows.replace(",", "")) > 10_000
