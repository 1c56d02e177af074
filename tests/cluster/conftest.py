"""One Ray head for all tests against a Ray that is already running."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from head import Head


@pytest.fixture(scope="session")
def head() -> Iterator[Head]:
    """A head with two CPUs and a token."""
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    started = Head(folder)
    try:
        yield started.start()
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)
