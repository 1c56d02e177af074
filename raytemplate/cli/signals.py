"""Turns Ctrl-C and SIGTERM into exceptions in the main thread, at a moment when it can handle them."""

import os
import signal
import threading
import time
from types import FrameType

from raytemplate.errors import Terminated

_AGAIN = 128
"""Added to a signal's number if the signal is to be sent again; signal numbers themselves are smaller."""
_WAIT_S = 0.01
_IMPORTING = "<frozen importlib._bootstrap>"


def hear_signals() -> None:
    """From now on, raise `KeyboardInterrupt` for SIGINT and `Terminated` for SIGTERM. Call it from the main thread.

    Once Ray runs, its SIGTERM handler runs before ours and sets an alarm that aborts the process after 3 s. A thread
    cancels that alarm, because the main thread may be in the middle of a long import.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)

    def hear(number: int, frame: FrameType | None) -> None:
        # Python acquires the import lock one step before the block that releases it. An exception raised in between,
        # even in the callback for a module that another thread has finished, is lost, and no import works any more.
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
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a background job's parent ignores it on purpose
        signal.signal(signal.SIGINT, hear)
    signal.signal(signal.SIGTERM, hear)
