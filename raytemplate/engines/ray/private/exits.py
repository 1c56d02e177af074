"""Makes Ray's C++ code call a function of ours instead of ending this process.

It calls `_exit(1)` from whichever thread first notices that the raylet or the GCS has gone. Python does not notice:
nothing is reported or recorded. The addresses of the exit functions are in a table of Ray's library that the dynamic
linker fills; this module replaces them with our function. Only that library is changed: Python's own `os._exit` stays
the same. If a library has no such table (macOS), or with RAYTEMPLATE_PLAIN_RAY=1, Ray ends the process as usual.
"""

import ctypes
import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from raytemplate.engines.ray.private.switch import found

_NAMES = (b"_exit", b"_Exit", b"exit")
_LINK_MAP = 2  # RTLD_DI_LINKMAP
_STRINGS, _SYMBOLS, _CALLS_BYTES, _CALLS = 5, 6, 2, 23  # DT_STRTAB, DT_SYMTAB, DT_PLTRELSZ, DT_JMPREL
_SYMBOL_BYTES = 24
_WORD = ctypes.sizeof(ctypes.c_void_p)
_READ_WRITE, _READ = 3, 1

_kept: list[Any] = []
"""The functions that the library now calls, kept alive as long as the library."""


class _LinkMap(ctypes.Structure):
    _fields_ = (("base", ctypes.c_uint64), ("name", ctypes.c_char_p), ("dynamic", ctypes.c_uint64))


def instead_of_exit(then: Callable[[int], None]) -> None:
    """From now on, Ray's library calls `then` with the exit code whenever it would end the process.

    The calling thread never returns into the library: after `then` has returned, it sleeps forever.
    """
    parts = None if _kept else found("ray._raylet")
    if parts is None:
        return

    def hear(code: int) -> None:
        with suppress(BaseException):  # C++ code cannot handle a Python exception
            then(code)
        threading.Event().wait()

    heard = ctypes.CFUNCTYPE(None, ctypes.c_int)(hear)
    _kept.append(heard)
    address = ctypes.cast(heard, ctypes.c_void_p).value or 0
    with suppress(OSError):  # the library has no such table
        for slot in list(_slots(parts[0].__file__)):
            _write(slot, address)


def _slots(file: str) -> Iterator[int]:
    """The memory addresses at which the loaded library keeps its pointers to the functions that end a process."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "dlinfo") or struct.calcsize("Q") != _WORD:
        raise OSError("no table that could be read")
    found = ctypes.POINTER(_LinkMap)()
    libc.dlinfo.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    if libc.dlinfo(ctypes.CDLL(file)._handle, _LINK_MAP, ctypes.byref(found)):
        raise OSError("not loaded")
    table = _dynamic(found.contents.dynamic)
    calls = ctypes.string_at(table[_CALLS], table[_CALLS_BYTES])
    for offset, kind, _ in struct.iter_unpack("<QQq", calls):
        (at,) = struct.unpack("<I", ctypes.string_at(table[_SYMBOLS] + _SYMBOL_BYTES * (kind >> 32), 4))
        if ctypes.string_at(table[_STRINGS] + at, 6).partition(b"\0")[0] in _NAMES:
            yield found.contents.base + offset


def _dynamic(at: int) -> dict[int, int]:
    """The library's dynamic section: the tag of each table -> its address or size."""
    table: dict[int, int] = {}
    while True:
        tag, value = struct.unpack("<qQ", ctypes.string_at(at, 16))
        if not tag:
            return table
        table.setdefault(tag, value)
        at += 16


def _write(slot: int, address: int) -> None:
    """Write an address into a slot of the table, which is read-only once the linker has filled it."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    page = ctypes.c_void_p(slot & ~(mmap.PAGESIZE - 1))
    if libc.mprotect(page, mmap.PAGESIZE, _READ_WRITE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    ctypes.c_void_p.from_address(slot).value = address
    libc.mprotect(page, mmap.PAGESIZE, _READ)
