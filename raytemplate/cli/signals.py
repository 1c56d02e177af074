"""Ctrl-C and SIGTERM as exceptions of the main thread, at a moment when it can bear them."""

import os
import signal
import threading
import time
from types import FrameType

from raytemplate.errors import Terminated

_AGAIN = 128
"""Added to a signal's number where it is to be sent again; numbers themselves are below."""
_WAIT_S = 0.01
_IMPORTING = "<frozen importlib._bootstrap>"


def hear_signals() -> None:
    """Raise `KeyboardInterrupt` for SIGINT and `Terminated` for SIGTERM, from now on; from the main thread.

    Once Ray runs, its handler of SIGTERM comes before ours and sets an alarm that aborts what still lives after 3 s. A
    thread takes that alarm back: the main thread may be in the middle of a long import.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)

    def hear(number: int, frame: FrameType | None) -> None:
        # Python takes the lock of all imports a step before the block that gives it back. What is raised in between,
        # be it in the callback of a module that another thread has finished, is lost, and nothing is imported again.
        if frame is not None and frame.f_code.co_filename == _IMPORTING:
            os.write(tell, bytes([_AGAIN + number]))
            return
        signal.alarm(0)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def listen() -> None:
        while heard := os.read(told, 1):
            signal.alarm(0)
            if heard[0] > _AGAIN:
                time.sleep(_WAIT_S)
                os.kill(os.getpid(), heard[0] - _AGAIN)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as whoever started us in the background wants it
        signal.signal(signal.SIGINT, hear)
    signal.signal(signal.SIGTERM, hear)
