"""One Ray head for all tests that use a Ray which is already running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from head import Head, running_head


@pytest.fixture(scope="package")
def head() -> Iterator[Head]:
    """A head with two CPUs and a token, for the whole session."""
    with running_head() as started:
        yield started
