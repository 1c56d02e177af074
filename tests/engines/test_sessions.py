"""What a Ray of ours leaves is taken away later, and nothing of anybody else's; a process is left as it was."""

import os
import subprocess
import sys
from contextlib import ExitStack

from raytemplate.engines.ray.sessions import sweep_sessions
from raytemplate.engines.ray.small_ray import without_cleaner, without_statistics


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


def test_what_is_changed_in_ray_for_a_ray_of_our_own_is_undone():
    import ray.train.v2.api.data_parallel_trainer as trainer
    from ray.data._internal.stats import _StatsManager

    places = (vars(_StatsManager), vars(trainer))
    before = [dict(place) for place in places]
    with ExitStack() as stack:
        without_statistics(stack)
        without_cleaner(stack)
        assert [dict(place) for place in places] != before
    assert [dict(place) for place in places] == before


HEARD = """
import os, signal, time
from raytemplate.engines.ray.cluster import LocalRay

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


def test_a_ray_of_our_own_ends_by_itself_beside_other_work_and_sigterm_is_heard_after_it(tmp_path):
    ended = subprocess.run([sys.executable, "-c", HEARD], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "0\nheard\n"), ended.stderr


FREED = """
import time
from raytemplate.engines.ray.cluster import LocalRay

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


def test_objects_of_a_ray_that_ends_beside_other_work_may_be_freed_at_any_moment(tmp_path):
    ended = subprocess.run([sys.executable, "-c", FREED], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "freed\n"), ended.stderr
