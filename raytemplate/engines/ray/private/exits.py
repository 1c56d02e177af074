"""What Ray's C++ part does in place of ending this process.

It calls `_exit(1)`, from whatever thread notices first that the raylet or the GCS has gone, and Python hears nothing
of it: nothing is said, nothing is recorded. The addresses that it calls stand in a table of its library that the
dynamic linker fills; here they are replaced by one function of ours. Only that library is changed: Python's own
`os._exit` is what it was. Where a library has no such table (macOS), or with RAYTEMPLATE_PLAIN_RAY=1, Ray ends the
process as it always does.
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
"""The functions that the library calls now: they must live as long as it does."""


class _LinkMap(ctypes.Structure):
    _fields_ = (("base", ctypes.c_uint64), ("name", ctypes.c_char_p), ("dynamic", ctypes.c_uint64))


def instead_of_exit(then: Callable[[int], None]) -> None:
    """From now on Ray's library calls `then` with the exit code where it would end the process.

    The thread that does so never goes on in the library: it stands still when `then` has returned.
    """
    parts = None if _kept else found("ray._raylet")
    if parts is None:
        return

    def hear(code: int) -> None:
        with suppress(BaseException):  # into the library nothing can be raised
            then(code)
        threading.Event().wait()

    heard = ctypes.CFUNCTYPE(None, ctypes.c_int)(hear)
    _kept.append(heard)
    address = ctypes.cast(heard, ctypes.c_void_p).value or 0
    with suppress(OSError):  # not such a library
        for slot in list(_slots(parts[0].__file__)):
            _write(slot, address)


def _slots(file: str) -> Iterator[int]:
    """Where the loaded library holds the addresses of the functions that end a process."""
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
    """The library's own list of where its tables are."""
    table: dict[int, int] = {}
    while True:
        tag, value = struct.unpack("<qQ", ctypes.string_at(at, 16))
        if not tag:
            return table
        table.setdefault(tag, value)
        at += 16


def _write(slot: int, address: int) -> None:
    """The table is read-only once the linker has filled it."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    page = ctypes.c_void_p(slot & ~(mmap.PAGESIZE - 1))
    if libc.mprotect(page, mmap.PAGESIZE, _READ_WRITE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    ctypes.c_void_p.from_address(slot).value = address
    libc.mprotect(page, mmap.PAGESIZE, _READ)
