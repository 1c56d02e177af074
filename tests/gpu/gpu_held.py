"""Where the tests of this folder compute: on GPUs; with GPUS_OF_TESTS=0 on CPUs, to see that all else of them holds."""

from __future__ import annotations

import os
from typing import Any

ON_GPU = os.environ.get("GPUS_OF_TESTS", "1") != "0"
DEVICE = "cuda" if ON_GPU else "cpu"


def held(workers: int = 1, share: float = 1.0) -> dict[str, Any]:
    """Changes to a template: so many workers, each with a share of a GPU."""
    gpus = {"resources.per_worker.gpus": share} if ON_GPU else {}
    return {"resources.workers": workers, "resources.per_worker.cpus": 0.5 if workers > 1 else 1, **gpus}
