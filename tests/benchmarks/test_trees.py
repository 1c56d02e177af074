"""`benchmarks/trees.py --quick`: both sides are called with the same arrays, so they grow the same trees."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_flights import write_demo

RUNNER = Path(__file__).parents[2] / "benchmarks" / "trees.py"
TEST_MAE = re.compile(r"^\| (by hand|raytemplate) .*\| ([0-9.]+) \([0-9.]+\.\.[0-9.]+\) \| +[0-9,]+ *\|$", re.MULTILINE)


@pytest.mark.ray
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.nightly
def test_by_hand_and_by_raytemplate_the_trees_err_alike(tmp_path, flights):
    folder = write_demo(tmp_path / "demo", flights, months=(1, 2, 3, 4, 5))
    command = [sys.executable, RUNNER, folder, "--quick", "--only", "lightgbm"]
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "figures mean nothing" in ended.stdout
    assert len(re.findall(r"^\| lightgbm, .* x +\| at most 1.5 x", ended.stdout, re.MULTILINE)) == 2
    found = TEST_MAE.findall(ended.stdout)
    assert [name for name, _ in found] == ["by hand", "raytemplate"] * 2
    assert [mae for name, mae in found if name == "by hand"] == [mae for name, mae in found if name == "raytemplate"]


def test_a_folder_without_flights_is_one_sentence(tmp_path):
    ended = subprocess.run([sys.executable, str(RUNNER), str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "trees: no data/flights/*.parquet in DIR: `raytemplate init DIR --example flights` first.\n"
