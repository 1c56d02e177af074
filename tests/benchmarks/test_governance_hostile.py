"""`benchmarks/governance_hostile.py --quick`: nothing that was changed, used or swapped gets past."""

import re
import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).parents[2] / "benchmarks" / "governance_hostile.py"


def test_nothing_changed_used_again_or_swapped_is_accepted() -> None:
    ended = subprocess.run([sys.executable, RUNNER, "--quick"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    none = re.compile(r"^\| (?:accepted|wrong bytes) .*\| 0\.00 +\| at most 0 +\| met +\|$", re.MULTILINE)
    assert len(none.findall(ended.stdout)) == 5
    assert "10 promotions under swaps" in ended.stderr
