"""`benchmarks/stream_ingest.py`: what it measures with. The run itself takes minutes, and is for a quiet machine."""

import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).parents[2] / "benchmarks" / "stream_ingest.py"
HOLD = "import time; held = bytearray(b'x') * 120_000_000; print('ready', flush=True); time.sleep(60)"
WATCH = f"""
import subprocess, sys
sys.path.insert(0, {str(RUNNER.parent)!r})
from stream_ingest import memory_mb
before = memory_mb()
child = subprocess.Popen([sys.executable, "-c", {HOLD!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(memory_mb() - before)
child.kill()
"""


def test_memory_of_processes_below_is_counted():
    ended = subprocess.run([sys.executable, "-c", WATCH], capture_output=True, text=True, timeout=60, check=True)
    assert 110 < float(ended.stdout) < 180


def test_a_folder_without_flights_is_one_sentence(tmp_path):
    ended = subprocess.run([sys.executable, str(RUNNER), str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "stream_ingest: no data/flights/*.parquet in DIR: `raytemplate init DIR --example flights` first.\n"
    )
