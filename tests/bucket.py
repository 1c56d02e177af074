"""A real S3 server on loopback with its own bucket, to be filled with files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from pyarrow import fs

BUCKET = "lake"


class Store:
    """A server that runs until the block ends; `endpoint` is its address for templates and environments."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._files: Any = fs.S3FileSystem(
            endpoint_override=endpoint,
            region="us-east-1",
            access_key="writer",
            secret_key="of-tests",
            allow_bucket_creation=True,
        )
        self._files.create_dir(BUCKET)

    def put(self, key: str, content: bytes) -> str:
        """Write a file; returns its URI."""
        with self._files.open_output_stream(f"{BUCKET}/{key}", compression=None) as file:
            file.write(content)
        return f"s3://{BUCKET}/{key}"

    def put_all(self, folder: Path, key: str) -> str:
        """Copy a folder of this machine with everything below it; returns its URI."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{key}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        """The content of a file."""
        with self._files.open_input_stream(f"{BUCKET}/{key}", compression=None) as file:
            return file.read()

    def check_keys(self, *, from_now_on: bool) -> None:
        """Make the server check keys, of which it knows none, as a real one does; or stop checking them."""
        body = b"0" if from_now_on else b"inf"
        plain = {"Content-Type": "text/plain"}
        urlopen(Request(f"{self.endpoint}/moto-api/reset-auth", body, plain, method="POST")).close()


@contextmanager
def bucket_store() -> Iterator[Store]:
    """A store for as long as the block lasts."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield Store("http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()
