"""Shared by many tests: real flights written once, templates that use them, and one Ray for the whole process."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import postgres_server
import pytest
import warm
from hypothesis import settings
from small_flights import SHIPPED, changed, write_demo

from raytemplate.spec.load import load
from raytemplate.spec.schema import TemplateSpec

# No deadline: how long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


OURS = "PYTEST_XDG_FOLDER"
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 8_000_000_000


def pytest_configure() -> None:
    """Tests write to memory if there is plenty: a disk takes 10 ms for each record that is flushed to it."""
    _keep_home_untouched()
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _keep_home_untouched() -> None:
    """Keys and checkpoints of the tests, and of every process they start, go to folders of their own."""
    if not os.environ.get(OURS):  # a worker of pytest-xdist has those of the process that started it
        folder = tempfile.mkdtemp(prefix="home-", dir="/tmp")
        os.environ |= {OURS: folder, "XDG_CONFIG_HOME": f"{folder}/config", "XDG_STATE_HOME": f"{folder}/state"}
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of which only tests with Ray, or only tests without, are requested and have none are not even imported."""
    wanted = config.getoption("markexpr")
    if not wanted.startswith(("ray and", "not ray and")) or not collection_path.match("test_*.py"):
        return None
    text = collection_path.read_text()
    if wanted.startswith("ray"):
        return "mark.ray" not in text or None
    return re.search(r"^pytestmark = .*mark\.ray\b", text, re.MULTILINE) is not None or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests on clusters are nightly too."""
    for item in items:
        if item.get_closest_marker("slow") and item.get_closest_marker("cluster"):
            item.add_marker("nightly")


@pytest.fixture(autouse=True)
def no_layers_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the test runner must not change the tests."""
    monkeypatch.delenv("RAYTEMPLATE_WORKSPACE", raising=False)


@pytest.fixture(scope="session", autouse=True)
def warm_promoters() -> Iterator[None]:
    """Tests that need a promoter in this process do not wait for its imports."""
    from raytemplate.conducting import promoter

    with patch.object(promoter, "subprocess", warm.promoter(warm.zygote)):
        yield


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the twelve files of flights. Never write to it: tests that corrupt data use a copy."""
    from raytemplate.starting.example_flights import write_flights

    folder = tmp_path_factory.mktemp("flights")
    write_flights(folder)
    return folder


@pytest.fixture
def demo(tmp_path: Path, flights: Path) -> Path:
    """A new folder as `init` creates it, but with copies of the first two months of flights only."""
    return write_demo(tmp_path / "demo", flights)


@pytest.fixture
def small(demo: Path) -> Callable[..., TemplateSpec]:
    """Loads the shipped template for a small run in `demo`; changes are given as a mapping of dotted paths."""

    def make(changes: dict[str, Any] | None = None) -> TemplateSpec:
        return load(demo / SHIPPED.name, overrides=changed(changes), environ={})

    return make


@pytest.fixture(scope="session")
def one_ray() -> Iterator[None]:
    """One Ray for every test of this process; a run uses the Ray that already runs and leaves it alone."""
    from raytemplate.engines.ray.clusters import cluster

    for name, value in cluster._ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Workers import a loop of the tests by its name.
    os.environ["PYTHONPATH"] = str(Path(__file__).parent / "engines")
    # Set in a user's shell before Ray starts; these are the keys for a store on loopback.
    os.environ.update(AWS_ACCESS_KEY_ID="reader", AWS_SECRET_ACCESS_KEY="of-tests", AWS_EC2_METADATA_DISABLED="true")
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=500_000_000,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL on loopback that is empty but for what tests put there."""
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed here (initdb, pg_ctl)")
    with postgres_server.postgres_server() as url:
        yield url
