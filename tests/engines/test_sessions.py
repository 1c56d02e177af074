"""Leftovers of our own Rays are removed later, and nobody else's; a process is left as it was."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from other_users import let_in

from raytemplate.engines.ray.clusters.sessions import hold_mark, session_folders, sweep_sessions
from raytemplate.engines.ray.private import exits, small_ray
from raytemplate.engines.ray.private.messages import to_stderr
from raytemplate.engines.ray.private.small_ray import without_cleaner, without_statistics


def session(folder, name, pid):
    made = folder / f"session_{name}"
    (made / "logs").mkdir(parents=True)
    (made / "logs" / "gcs.out").write_bytes(b"x" * 1000)
    if pid is not None:
        (made / "raytemplate").write_text(str(pid))
    return made


def test_of_sessions_of_ended_processes_of_ours_the_newest_three_stay(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours = [session(tmp_path, f"2026-01-0{n}", ended.pid) for n in range(1, 6)]
    lives, other = session(tmp_path, "2025-01-01", os.getpid()), session(tmp_path, "2025-01-02", None)
    number, size = sweep_sessions(tmp_path)
    assert (number, size > 2000) == (2, True)
    assert [one.exists() for one in (*ours, lives, other)] == [False, False, True, True, True, True, True]
    assert sweep_sessions(tmp_path) == (0, 0)


@pytest.fixture(scope="module")
def gone():
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


SWEEPS = """
import sys, time
from pathlib import Path
from raytemplate.engines.ray.clusters.sessions import sweep_sessions

time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
sweep_sessions(Path(sys.argv[1]), note=print)
"""


@pytest.mark.slow
def test_two_starts_that_tidy_at_the_same_moment_do_not_fail(tmp_path, gone):
    for number in range(40):
        made = session(tmp_path, f"{number:03d}", gone)
        for name in range(20):
            (made / "logs" / f"{name}" / "deep").mkdir(parents=True)
            (made / "logs" / f"{name}" / "deep" / "worker.out").write_text("x")
    command = [sys.executable, "-c", SWEEPS, str(tmp_path), str(time.time() + 3)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [(*each.communicate(timeout=120), each.returncode) for each in both]
    assert said == [("", "", 0)] * 4
    assert len(list(tmp_path.iterdir())) == 3


HOLDS = """
import sys
from pathlib import Path
from raytemplate.engines.ray.clusters.sessions import hold_mark

hold_mark(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_session_in_use_that_names_a_process_nobody_sees_here_stays(tmp_path, gone):
    ours = [session(tmp_path, f"2026-01-0{n}", gone) for n in range(1, 5)]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(ours[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout.readline() == "held\n"
        (ours[0] / "raytemplate").write_text(
            str(gone)
        )  # like a process of another container, whose id means nothing here
        assert (sweep_sessions(tmp_path)[0], ours[0].exists()) == (0, True)
        owner.stdin.close()
    assert (sweep_sessions(tmp_path)[0], ours[0].exists()) == (1, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to make a namespace of processes")
def test_who_does_not_see_our_process_leaves_our_session(tmp_path, gone):
    made = session(tmp_path, "2026-01-01", None)
    hold_mark(made)
    for n in range(2, 6):
        session(tmp_path, f"2026-01-0{n}", gone)
    command = [sys.executable, "-c", SWEEPS, str(tmp_path), "0"]
    subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", *command], check=True, timeout=60)
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"session_2026-01-0{n}" for n in (1, 3, 4, 5)]


def vanishes(path, monkeypatch):
    """Another start removes the session while its size is measured."""
    walk = os.walk

    def removing(folder, **settings):
        for found in walk(folder, **settings):
            shutil.rmtree(path, ignore_errors=True)
            yield found

    monkeypatch.setattr(os, "walk", removing)


def cannot_be_removed(path, monkeypatch):
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)


def raises_all_the_same(path, monkeypatch):
    def fail(path, ignore_errors):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(shutil, "rmtree", fail)


TROUBLE = [(vanishes, 1, 0), (cannot_be_removed, 0, 1), (raises_all_the_same, 0, 1)]


@pytest.mark.parametrize(("trouble", "removed", "noted"), TROUBLE, ids=[each[0].__name__ for each in TROUBLE])
def test_what_goes_wrong_in_tidying_is_noted_and_raises_nothing(tmp_path, gone, monkeypatch, trouble, removed, noted):
    oldest, *_ = [session(tmp_path, f"2026-01-0{n}", gone) for n in range(1, 5)]
    trouble(oldest, monkeypatch)
    notes = []
    assert sweep_sessions(tmp_path, note=notes.append)[0] == removed
    assert [note.startswith(str(oldest)) for note in notes] == [True] * noted


def test_folders_that_are_none_are_passed_over(tmp_path, gone):
    (tmp_path / "a-file").write_text("")
    notes = []
    assert sweep_sessions(tmp_path / "missing", tmp_path / "a-file", note=notes.append) == (0, 0)
    assert notes == [f"{tmp_path / 'a-file'}: could not be searched for sessions of earlier runs: Not a directory"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_what_cannot_be_read_or_is_anothers_is_left(tmp_path, gone):
    """As an unprivileged user: with a folder that belongs to root, and an unreadable one of its own."""
    let_in(tmp_path)
    tmp_path.chmod(0o777)
    ours = [session(tmp_path, f"2026-01-0{n}", gone) for n in range(1, 8)]
    for made in ours[2:]:
        for path in (made, *made.rglob("*")):
            os.chown(path, 65534, 65534)
    ours[2].chmod(0)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    notes = []
    os.seteuid(65534)
    try:
        removed, _ = sweep_sessions(tmp_path, closed, note=notes.append)
    finally:
        os.seteuid(0)
    # Two that belong to root, one whose mark cannot be read, and the newest three stay.
    assert (removed, [made.exists() for made in ours]) == (1, [True, True, True, False, True, True, True])
    assert notes == [f"{closed}: could not be searched for sessions of earlier runs: Permission denied"]


def test_of_marks_that_are_no_number_of_a_process_nothing_is_concluded(tmp_path):
    for number, mark in enumerate(["", "x", "-", "9" * 30, "0", "1"]):
        session(tmp_path, f"{number}", mark)
    assert sweep_sessions(tmp_path) == (0, 0)


FOLDERS = [
    ({}, ["/tmp/ray"]),
    ({"TMPDIR": "/scratch"}, ["/scratch/ray", "/tmp/ray"]),
    ({"RAY_TMPDIR": "/r", "TMPDIR": "/scratch"}, ["/r/ray", "/scratch/ray", "/tmp/ray"]),
    ({"RAY_TMPDIR": "/tmp", "TMPDIR": ""}, ["/tmp/ray"]),
]


@pytest.mark.parametrize(("environ", "folders"), FOLDERS, ids=["neither", "TMPDIR", "both", "as it is anyway"])
def test_sessions_are_looked_for_where_ray_puts_them(environ, folders, monkeypatch):
    from ray._common.utils import get_default_ray_temp_dir

    assert [str(folder) for folder in session_folders(environ)] == folders
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if environ.get("TMPDIR") != "":
        assert get_default_ray_temp_dir() == folders[0]


def test_what_is_changed_in_ray_for_a_ray_of_our_own_is_undone(private_parts):
    import ray.train.v2.api.data_parallel_trainer as trainer
    from ray.data._internal.stats import _StatsManager

    places = (vars(_StatsManager), vars(trainer))
    before = [dict(place) for place in places]
    with ExitStack() as stack:
        without_statistics(stack)
        without_cleaner(stack)
        assert [dict(place) for place in places] != before
    assert [dict(place) for place in places] == before


def test_with_the_switch_nothing_in_ray_is_changed(monkeypatch):
    import ray._private.services as services
    import ray._private.worker as worker
    import ray.train.v2.api.data_parallel_trainer as trainer
    from ray._private.node import Node
    from ray.data._internal.cluster_autoscaler import DefaultAutoscalingCoordinator
    from ray.data._internal.execution.streaming_executor import StreamingExecutor
    from ray.data._internal.stats import _StatsManager

    places = [
        vars(one)
        for one in (
            _StatsManager,
            trainer,
            services,
            worker,
            Node,
            DefaultAutoscalingCoordinator,
            StreamingExecutor,
        )
    ]
    before = [dict(place) for place in places]
    monkeypatch.setenv("RAYTEMPLATE_PLAIN_RAY", "1")
    with ExitStack() as stack, small_ray.few_processes(runtime_envs=False):
        for change in (small_ray.without_statistics, small_ray.without_sharing, small_ray.without_cleaner,
                       small_ray.calm_scheduling):  # fmt: skip
            change(stack)
        to_stderr.__wrapped__()
        exits.instead_of_exit(print)
        assert [dict(place) for place in places] == before and not exits._kept


HEARD = """
import os, signal, time
from raytemplate.engines.ray.clusters.cluster import LocalRay

signal.signal(signal.SIGTERM, lambda *_: print("heard"))
own = LocalRay(num_cpus=1, object_store_bytes=100_000_000).start()
own.wait()
import ray._private.worker as worker

raylet = worker._global_node.all_processes["raylet"][0].process
own.begin_to_stop()
own._thread.join()
print(raylet.returncode)  # Ray gives it a second to end, then it is killed
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.1)
"""


@pytest.mark.ray
@pytest.mark.alone
def test_a_ray_of_our_own_ends_by_itself_beside_other_work_and_sigterm_is_heard_after_it(tmp_path):
    ended = subprocess.run([sys.executable, "-c", HEARD], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "0\nheard\n"), ended.stderr


FREED = """
import time
from raytemplate.engines.ray.clusters.cluster import LocalRay

own = LocalRay(num_cpus=1, object_store_bytes=100_000_000).start()
own.wait()
import ray

references = [ray.put(n) for n in range(15_000)]
own.begin_to_stop()
while references:  # about two seconds, of which Ray needs one to end
    references.pop()
    until = time.perf_counter() + 1e-4
    while time.perf_counter() < until:
        pass
print("freed")
"""


@pytest.mark.ray
@pytest.mark.alone
@pytest.mark.slow
def test_objects_of_a_ray_that_ends_beside_other_work_may_be_freed_at_any_moment(tmp_path, private_parts):
    ended = subprocess.run([sys.executable, "-c", FREED], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "freed\n"), ended.stderr
