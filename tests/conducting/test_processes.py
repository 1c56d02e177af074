"""Facts about a process from the kernel: whether it waits for a CPU, is stopped or gone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from raytemplate.conducting.processes import has_ended, is_stopped, wants_cpu

SPINS = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.nice(int(sys.argv[2]))\nwhile True: pass"
SLEEPS = "import time; time.sleep(600)"


@pytest.fixture
def begin():
    """Starts a Python process that ends with the test."""
    with ExitStack() as stack:

        def started(code, *arguments):
            process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process.pid

        yield started


def test_one_that_others_keep_from_the_cpu_waits_for_it_and_one_that_sleeps_does_not(begin):
    cpu = min(os.sched_getaffinity(0))
    kept, asleep = begin(SPINS, cpu, 19), begin(SLEEPS)
    for _ in range(3):
        begin(SPINS, cpu, 0)
    time.sleep(1.0)
    assert [wants_cpu(kept, 0.1) for _ in range(10)] == [True] * 10
    assert [wants_cpu(asleep, 0.1) for _ in range(3)] == [False] * 3


def test_one_that_was_stopped_is_not_gone_until_it_is(begin):
    pid = begin(SLEEPS)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.2)
    assert (is_stopped(pid), has_ended(pid), wants_cpu(pid, 0.05)) == (True, False, False)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert (is_stopped(pid), has_ended(pid)) == (False, True)
