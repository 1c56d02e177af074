"""Every test here is skipped where torch sees no GPU."""

from __future__ import annotations

import pytest
from gpu_held import ON_GPU


@pytest.fixture(autouse=True)
def gpu() -> None:
    """One that torch sees."""
    import torch

    if ON_GPU and not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
