"""Ray's library no longer ends this process by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("private_parts")]

# Like Ray's own threads: the function is called through the library's table, outside of Python.
CALLS = """
import ctypes, os, sys, threading, time
import ray._raylet as library
from raytemplate.engines.ray.private import exits
heard = []
exits.instead_of_exit(heard.append)
slots = list(exits._slots(library.__file__))
for slot in slots:
    address = ctypes.c_void_p.from_address(slot).value
    threading.Thread(target=ctypes.CFUNCTYPE(None, ctypes.c_int)(address), args=(len(heard) + 1,), daemon=True).start()
    while len(heard) < slots.index(slot) + 1:
        time.sleep(0.01)
print(len(slots), heard)
sys.stdout.flush()
os._exit(7)
"""


def test_what_would_end_the_process_in_rays_library_is_heard():
    ran = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (7, "3 [1, 2, 3]\n"), ran.stderr
