"""Every private part of Ray that is used, and what gets slower or worse if a Ray lacks it.

Nothing breaks then: `switch.found` returns None and public parts are used. But the maintainers have to know.
"""

import ast
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from raytemplate.engines.ray.private import switch

pytestmark = pytest.mark.usefixtures("private_parts")

STARTS = "a Ray of our own starts all that `ray.init` starts (docs/decisions/0007)"
CONDUCTS = "a loop that does not ask is ended by an error in its own thread, and waiting for room is not counted"
ACTOR = "the first dataset waits for Ray Data's actors"
TRAIN = "ray.train.v2._internal"
COORDINATOR = "ray.data._internal.cluster_autoscaler:DefaultAutoscalingCoordinator"
STATS = "ray.data._internal.stats:_StatsManager"
POLL = f"{TRAIN}.execution.worker_group.poll:WorkerGroupPollStatus"
TRIALS = "trials wait for processes of their own kind, each of which imports Ray Tune"
STATE = f"{TRAIN}.execution.controller.state"

USED = {
    "ray._raylet": "when Ray goes its library ends this process without a word",
    "ray._private.worker": "Ray's messages go to stdout, among the results",
    "ray._private.worker:print_to_stdstream": "Ray's messages go to stdout, among the results",
    "ray._private.worker:global_worker": "a reference that is freed while Ray ends may end this process",
    "ray._private.services:canonicalize_bootstrap_address": "--address auto asks a head that has gone for minutes",
    "ray._private.services:start_ray_process": STARTS,
    "ray._private.utils:get_dashboard_dependency_error": STARTS,
    "ray._private.node:Node.start_api_server": STARTS,
    "ray._private.node:Node.start_monitor": STARTS,
    "ray._private.node:Node.start_log_monitor": STARTS,
    "ray._private.state:state": "what is free counts as one node's: a trial may begin to wait for room",
    f"{STATS}.register_dataset_to_stats_actor": ACTOR,
    f"{STATS}.update_execution_metrics": ACTOR,
    f"{STATS}.update_iteration_metrics": ACTOR,
    f"{STATS}.gen_dataset_id_from_stats_actor": ACTOR,
    "ray.data._internal.cluster_autoscaler": ACTOR,
    f"{COORDINATOR}.request_resources": ACTOR,
    f"{COORDINATOR}.cancel_request": ACTOR,
    f"{COORDINATOR}.get_reserved_resources": ACTOR,
    "ray.data._internal.execution.streaming_executor:StreamingExecutor._scheduling_loop_step":
        "Ray Data's thread takes the interpreter from a training in this process",
    f"{TRAIN}.execution.callback:ControllerCallback": CONDUCTS,
    f"{TRAIN}.execution.callback:WorkerGroupCallback": CONDUCTS,
    f"{STATE}:RunningState": CONDUCTS,
    f"{STATE}:RestartingState": CONDUCTS,
    f"{STATE}:ReschedulingState": CONDUCTS,
    f"{TRAIN}.exceptions:WorkerGroupStartupTimeoutError": CONDUCTS,
    f"{POLL}.get_preemption_info": CONDUCTS,
    f"{POLL}.get_worker_group_error": CONDUCTS,
    f"{TRAIN}.execution.scaling_policy:FixedScalingPolicy": "a range of workers may begin with fewer than planned",
    "ray.train.v2.api.data_parallel_trainer:DataParallelTrainer._initialize_and_run_controller":
        "a range of workers may begin with fewer than planned",
    "ray.train.v2.api.data_parallel_trainer:PlacementGroupCleanerCallback":
        "each training with a worker group on a Ray of our own waits 12 s",
    "ray.experimental.internal_kv:_internal_kv_get": "no more trials at once are planned than there is room for now",
    "ray._private.state:state.get_cluster_config": "no more trials at once are planned than there is room for now",
    "ray.tune.execution.class_cache:_ActorClassCache.get": TRIALS,
    "ray.tune.execution.tune_controller:_get_trainable_kwargs": TRIALS,
    "ray.tune.execution.tune_controller:TuneController._schedule_trial_task": TRIALS,
    "ray.tune.execution.tune_controller:TuneController.on_step_end":
        "the states of trials that ended in the last ten seconds are encoded when a sweep has ended",
    "ray.air._internal.usage:tag_callbacks": "a sweep imports MLflow before its first trial, to count it",
    "ray.train._internal.storage:StorageContext.experiment_driver_staging_path":
        "a sweep's experiment is copied to its folder every ten seconds, and when it has ended",
    "ray.train._internal.storage:_FilesystemSyncer.sync_up":
        "a sweep's experiment is copied to its folder every ten seconds, and when it has ended",
    "ray.tune.analysis.experiment_analysis:ExperimentAnalysis._fetch_trial_dataframes":
        "a sweep reads all results of its trials back when it has ended",
    "ray.job_submission:JobSubmissionClient._do_request": "a cluster that does not answer is waited for without end",
}  # fmt: skip


def named_in_private() -> set[str]:
    """Every string in the folder that names something in Ray, with f-strings of constants evaluated."""
    found, texts = set(), set()
    for path in Path(switch.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        named = {
            t.targets[0].id: t.value.value
            for t in tree.body
            if isinstance(t, ast.Assign) and isinstance(t.value, ast.Constant)
        }
        texts |= set(map(str, named.values())) - set(USED)
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else named.get(ast.unparse(part.value), "?")
                    for part in node.values
                ]
                found.add("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and id(node) not in inside and isinstance(node.value, str):
                found.add(node.value)
    prefixes = {text for text in texts if any(other.startswith((f"{text}.", f"{text}:")) for other in found)}
    return {text for text in found - prefixes if re.fullmatch(r"ray(\.\w+)+(:[\w.]+)?", text)}


def test_every_private_part_that_is_used_is_named_here():
    assert named_in_private() == set(USED)


@pytest.mark.parametrize("symbol", USED)
def test_ray_has_this_private_part(symbol):
    import ray

    assert switch.found(symbol), f"Ray {ray.__version__} has no {symbol} any more: {USED[symbol]}"


def test_where_a_part_is_missing_nothing_is_changed():
    there = "ray._private.node:Node.start_monitor"
    (before,) = switch.found(there)
    with ExitStack() as stack:
        switch.replace(stack, {there: print, "ray._private.node:Node.start_what_is_not_there": print})
        assert switch.found(there) == (before,)
    assert switch.found("ray._private.node:Node.start_what_is_not_there") is None
    assert switch.found("ray._private.no_such_module") is None


def test_with_the_switch_nothing_private_is_found(monkeypatch):
    monkeypatch.setenv("RAYTEMPLATE_PLAIN_RAY", "1")
    assert not any(switch.found(symbol) for symbol in USED)
