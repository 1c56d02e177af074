"""Work that waits for something outside ends within its time limit."""

import contextvars
import threading
import time

import pytest

from raytemplate.execution.within import within

NAME = contextvars.ContextVar("NAME", default="nobody")


def late():
    return TimeoutError("too late")


def test_what_is_done_in_time_is_handed_on_with_what_this_thread_knows():
    NAME.set("me")
    assert within(5.0, lambda: (NAME.get(), 7), late) == ("me", 7)


def test_what_it_raises_is_raised_here():
    def fail():
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        within(5.0, fail, late)


def test_what_takes_too_long_is_left_behind():
    go_on, began = threading.Event(), time.monotonic()
    with pytest.raises(TimeoutError, match="too late"):
        within(0.1, go_on.wait, late)
    assert time.monotonic() - began < 2
    go_on.set()


def test_what_has_no_time_left_is_not_begun():
    begun = []
    with pytest.raises(TimeoutError):
        within(0.0, lambda: begun.append(1), late)
    assert begun == []
