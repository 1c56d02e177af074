"""`benchmarks/overshoot.py`: what it counts as kept. The runs themselves take half an hour."""

import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).parents[2] / "benchmarks" / "overshoot.py"
JUDGE = f"""
import sys
sys.path.insert(0, {str(RUNNER.parent)!r})
from overshoot import Ended, Mode, as_promised
own, killed = Mode(budget_s=1, run=None), Mode(budget_s=1, run=None, killed=True)
def end(**changes):
    return Ended(**(dict(late_s=0.5, shell=4, recorded=4, judged=False, left=0, load=1.0) | changes))
print(as_promised(own, end()), as_promised(own, end(shell=0, recorded=0, judged=True)),
      as_promised(killed, end(shell=137)))
print(as_promised(own, end(shell=137)), as_promised(own, end(late_s=2.1)), as_promised(own, end(left=1)),
      as_promised(killed, end()), as_promised(own, end(recorded=None)))
"""


def test_only_an_end_on_time_with_the_recorded_code_and_nothing_left_is_as_promised():
    ended = subprocess.run([sys.executable, "-c", JUDGE], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == ["True"] * 3 + ["False"] * 5


def test_a_folder_without_flights_is_one_sentence(tmp_path):
    ended = subprocess.run([sys.executable, str(RUNNER), str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("overshoot: no data/flights/*.parquet in DIR")
