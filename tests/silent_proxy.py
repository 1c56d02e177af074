"""A TCP proxy that stops passing on what a server answers, with every connection left open: a lost network."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress


class SilentProxy:
    """The proxy, on a free port of loopback, as a context manager that ends it."""

    def __init__(self, to_port: int) -> None:
        self._to_port, self._listening = to_port, socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.num_answers, self.silent_after = 0, sys.maxsize
        self._open: list[socket.socket] = [self._listening]

    def __enter__(self) -> SilentProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, answers: bool = False) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                if answers:
                    self.num_answers += 1
                    if self.num_answers > self.silent_after:
                        continue
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
