"""Signals become exceptions at once, except at moments when Python cannot handle one."""

import subprocess
import sys

import pytest
from command_line import hear_ctrl_c

SENT = """
import os, signal, threading, time
from raytemplate.cli.signals import hear_signals

hear_signals()
done = []
code = "end = time.monotonic() + 0.4\\nwhile time.monotonic() < end: pass\\ndone.append(1)"
work = compile(code, FILENAME, "exec")
threading.Timer(0.1, os.kill, (os.getpid(), signal.NUMBER)).start()
try:
    exec(work)
    time.sleep(5)
except KeyboardInterrupt as error:
    print(type(error).__name__, done)
"""


@pytest.mark.parametrize(("number", "name"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated")])
@pytest.mark.parametrize(("place", "done"), [("own.py", []), ("<frozen importlib._bootstrap>", [1])])
def test_a_signal_in_the_locks_of_imports_is_heard_right_after_them(number, name, place, done):
    program = SENT.replace("FILENAME", repr(place)).replace("NUMBER", number)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, preexec_fn=hear_ctrl_c
    )
    assert (ended.stdout, ended.stderr) == (f"{name} {done}\n", "")


def test_whoever_started_a_command_with_ctrl_c_ignored_is_obeyed():
    program = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" + SENT.replace(
        "FILENAME", "'own.py'"
    ).replace("NUMBER", "SIGINT").replace("time.sleep(5)", "print('never heard')")
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "never heard\n"
