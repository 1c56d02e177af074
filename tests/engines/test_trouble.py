"""Real failures of Ray and of a project's code become one line that says what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import own_code
import pytest
import ray

from raytemplate.engines.ray.clusters.translated import translated
from raytemplate.engines.ray.trouble import SIGNS, translate
from raytemplate.errors import DataError, EngineError, OutOfMemory, OwnCodeFailed, RaytemplateError, Unavailable

pytestmark = pytest.mark.ray


def on_a_worker(work: Callable[[], object]) -> RaytemplateError:
    task = ray.remote(max_retries=0)(work)
    with pytest.raises(RaytemplateError) as caught:
        translated("ingest", lambda: ray.get(task.remote()))
    return caught.value


@pytest.mark.usefixtures("one_ray")
@pytest.mark.parametrize(
    ("work", "kind", "says", "trouble", "retry"),
    [
        (
            own_code.raises,
            OwnCodeFailed,
            "own_code.py:12, in raises: ValueError: three is too many",
            "code",
            "after a change",
        ),
        (own_code.lacks_a_package, OwnCodeFailed, "No module named 'no_such_package'", "code", "after a change"),
        (own_code.gives_a_lock, OwnCodeFailed, "cannot be sent to another process", "code", "after a change"),
        (own_code.dies, EngineError, "a worker process ended in the middle of its work", "infrastructure", "as it is"),
        (own_code.asks_for_too_much, OutOfMemory, "out of memory at", "infrastructure", "after a change"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_trouble_on_a_worker_is_one_line_with_a_class_a_rule_and_what_to_do(
    work: Callable[[], object], kind: type[RaytemplateError], says: str, trouble: str, retry: str
) -> None:
    error = on_a_worker(work)
    assert type(error) is kind
    assert says in error.what
    assert error.what.startswith("ingest: ")
    assert "\n" not in error.what
    assert error.next_step
    assert (error.trouble, error.retry) == (trouble, retry)


def test_own_code_in_this_process_is_named_by_file_and_line() -> None:
    with pytest.raises(OwnCodeFailed) as caught:
        translated("fit", own_code.raises)
    assert caught.value.what == f"fit: {own_code.__file__}:12, in raises: ValueError: three is too many"
    assert caught.value.next_step == f"mend {own_code.__file__}:12"
    assert caught.value.exit_code == 9


def test_an_error_of_ours_comes_through_whatever_is_around_it() -> None:
    inner = DataError("a.parquet: torn")
    outer = RuntimeError("Ray says something long")
    outer.__cause__ = inner
    assert translate("ingest", outer) is inner


def test_a_full_disk_is_called_that() -> None:
    error = OSError(28, "No space left on device", "/data/x")
    found = translate("fit", error)
    assert type(found) is Unavailable
    assert "disk full" in found.what


def test_a_file_that_is_not_there_is_not_told_as_one_that_cannot_be_written() -> None:
    found = translate("evaluate", FileNotFoundError(2, "No such file or directory", "/data/x"))
    assert found is not None and found.what == "/data/x: cannot be found: No such file or directory"


def test_a_bug_of_ours_stays_a_bug() -> None:
    assert translate("fit", KeyError("x")) is None


def test_every_sign_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "trouble.md").read_text()
    assert [sign.means for sign in SIGNS if sign.means not in page] == []
    assert [sign.change for sign in SIGNS if sign.change not in page] == []


_EATER = """
import os, psutil
used = psutil.virtual_memory()
os.environ["RAY_memory_usage_threshold"] = str((used.total - used.available + 1e9) / used.total)
os.environ["RAY_memory_monitor_refresh_ms"] = "50"
import ray, time, numpy as np
from raytemplate.engines.ray.clusters.translated import translated
ray.init(address="local", num_cpus=1, include_dashboard=False, logging_level=50, log_to_driver=False)

def eat():
    kept = []
    for _ in range(40):
        kept.append(np.ones(25_000_000))
        time.sleep(0.1)

task = ray.remote(max_retries=0)(eat)
try:
    translated("ingest", lambda: ray.get(task.remote()))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.alone
def test_a_worker_that_ray_ends_for_its_memory_ran_out_of_memory(tmp_path: Path) -> None:
    script = tmp_path / "eater.py"
    script.write_text(_EATER)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith("OutOfMemory ingest: out of memory"), done.stdout + done.stderr
