"""`benchmarks/stream_ingest.py --quick`: both read every row of the same files, and are watched while they do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_flights import write_demo

RUNNER = Path(__file__).parents[2] / "benchmarks" / "stream_ingest.py"
ROW = re.compile(r"^\| (by hand|raytemplate) +\| +([0-9,]+) \| +([0-9,]+) \| +[0-9.]+ \| +([0-9,]+) \|$", re.MULTILINE)


@pytest.mark.ray
@pytest.mark.slow
def test_both_sides_stream_the_same_rows(tmp_path, flights):
    folder = write_demo(tmp_path / "demo", flights, months=(1, 2))
    command = [sys.executable, str(RUNNER), str(folder), "--quick"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "figures mean nothing" in ended.stdout
    found = [(name, *(int(text.replace(",", "")) for text in texts)) for name, *texts in ROW.findall(ended.stdout)]
    assert [name for name, *_ in found] == ["raytemplate", "by hand"]
    assert found[0][1] == found[1][1] > 20_000
    assert all(rows_per_s > 100 and peak_mb > 200 for *_, rows_per_s, peak_mb in found)
