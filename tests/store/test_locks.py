"""Locks between processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from raytemplate.errors import Unavailable, UsageError
from raytemplate.store.locks import FileLock, is_held

HOLDER = """
import sys, time
from pathlib import Path
from raytemplate.store.locks import FileLock
with FileLock(Path(sys.argv[1]), 5):
    print("held", flush=True)
    time.sleep(60)
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_file_lock_when_free_is_held_inside_and_free_after(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert not is_held(path)
    assert not path.exists()
    with FileLock(path, 0):
        assert is_held(path)
    assert not is_held(path)


def test_file_lock_when_held_elsewhere_says_by_whom_and_is_free_once_that_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    process = hold_elsewhere(path)
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught, FileLock(path, 0.2):
        pass
    assert time.monotonic() - started < 2
    assert caught.value.what == f"{path}: held by another process (process {process.pid}), waited 0.2 s"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with FileLock(path, 1):
        pass


def test_file_lock_held_in_this_process_is_refused_too(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "run.lock", 0.1)
    with lock, pytest.raises(Unavailable), FileLock(tmp_path / "run.lock", 0.1):
        pass


def test_file_lock_in_a_missing_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent/run\.lock"), FileLock(tmp_path / "absent" / "run.lock", 0):
        pass
