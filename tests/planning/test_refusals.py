"""What cannot run is refused before anything starts: names what was asked for, what exists and what to change."""

import pytest
from sample_inventory import inventory, node, source, spec_of

from raytemplate import plugins
from raytemplate.errors import PlanError
from raytemplate.planning.compile import compile as compile_plan

GB = 10**9
WORKERS, CPUS, GPUS = "resources.workers", "resources.per_worker.cpus", "resources.per_worker.gpus"
MEMORY, INGEST = "resources.per_worker.memory", "data.ingest"

REFUSED = [
    ("workers that hold every CPU while Ray Data streams", {WORKERS: 2, INGEST: "stream"}, {},
     "2 workers of 1 CPU would hold every CPU while Ray Data", "resources.per_worker.cpus: 0.5"),
    ("more workers than fit", {WORKERS: 5}, {}, "5 workers of 1 CPU do not fit", "set resources.workers: 2 or fewer"),
    ("a worker larger than any node", {WORKERS: 1, CPUS: 3}, {}, "one worker of 3 CPU fits no node",
     "make resources.per_worker smaller"),
    ("a worker with more memory than any node", {WORKERS: 1, MEMORY: "100 GB"}, {},
     "one worker of 1 CPU and 100 GB fits no node", "smaller"),
    ("a GPU where there is none", {WORKERS: 1, GPUS: 1}, {}, "one worker of 1 CPU and 1 GPU fits no node", "smaller"),
    ("a GPU for no worker", {WORKERS: 0, GPUS: 1}, {}, "resources.workers is 0", "set resources.workers: 1"),
    ("more memory than there is, for no worker", {WORKERS: 0, MEMORY: "100 GB"}, {},
     "one worker of 1 CPU and 100 GB fits no node", "smaller"),
    ("more CPUs than there are, for no worker", {CPUS: 3}, {}, "one worker of 3 CPU fits no node", "smaller"),
    ("memory ingest that does not fit", {INGEST: "memory"}, {"memory_bytes": GB // 20},
     "data.ingest: memory needs about", "data.ingest: stream"),
    ("too little time", {"budget.time": "2s"}, {}, "budget.time is 2.0 s", "set budget.time"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "machine", "what", "advice"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED]
)
def test_refused(changes, machine, what, advice):
    with pytest.raises(PlanError) as refused:
        compile_plan(spec_of(changes), inventory(node(**machine)), "2013-06-01")
    assert refused.value.what.startswith(what)
    assert advice in refused.value.next_step
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("workers", ["auto", 0, 1])
@pytest.mark.parametrize("family", ["tabular-mlp", "lightgbm", "xgboost", "linear"])
def test_gpus_are_refused_for_a_family_that_would_hold_them_without_using_them(family, workers):
    """Refused before the machine is looked at: workers that hold GPUs would keep them from others."""
    changes = {"model": {"kind": family}, GPUS: 1, WORKERS: workers}
    spec, large = spec_of(changes), inventory(node(cpus=8.0, gpus=2.0))
    idle = plugins.load(plugins.FAMILIES, family).no_gpus
    assert (bool(idle), family) in {
        (True, "lightgbm"),
        (True, "linear"),
        (True, "xgboost"),
        (False, "xgboost"),
        (False, "tabular-mlp"),
    }
    if not idle:
        assert workers == 0 or compile_plan(spec, large, "2013-06-01").fit.gpus_per_worker == 1
        return
    with pytest.raises(PlanError) as refused:
        compile_plan(spec, large, "2013-06-01")
    assert refused.value.what == (
        f"resources.per_worker.gpus is 1, and {family} would hold GPUs without using them: {idle}"
    )
    assert refused.value.next_step == "set resources.per_worker.gpus: 0, or another model.kind"
    without = compile_plan(spec_of(changes | {GPUS: 0}), large, "2013-06-01")
    assert without.fit.gpus_per_worker == 0


def test_two_halves_of_a_cpu_leave_one_for_streaming():
    made = compile_plan(spec_of({WORKERS: 2, CPUS: 0.5, INGEST: "stream"}), inventory(), "2013-06-01")
    assert (made.fit.workers, made.fit.cpus_per_worker, made.ingest.mode) == (2, 0.5, "stream")


def test_the_advice_of_a_refusal_can_be_followed():
    with pytest.raises(PlanError) as refused:
        compile_plan(spec_of({"budget.time": "2s"}), inventory(), "2013-06-01")
    advised = refused.value.next_step.removeprefix("set budget.time: ").removesuffix(" or more")
    assert compile_plan(spec_of({"budget.time": advised}), inventory(), "2013-06-01").limits.time_s > 2


def test_workers_are_counted_node_by_node():
    small = [node(name=f"n{i}", cpus=2.0) for i in range(3)]
    with pytest.raises(PlanError, match=r"^4 workers of 2 CPU do not fit"):
        compile_plan(spec_of({WORKERS: 4, CPUS: 2}), inventory(*small), "2013-06-01")
    with pytest.raises(PlanError, match=r"^one worker of 3 CPU fits no node"):
        compile_plan(spec_of({WORKERS: 2, CPUS: 3}), inventory(*small), "2013-06-01")


def test_what_does_not_fit_in_memory_is_streamed_where_nothing_else_was_asked():
    large = inventory(source=source(rows_a_month=100_000_000))
    assert compile_plan(spec_of({"budget.time": "40h"}), large, "2013-06-01").ingest.mode == "stream"
    assert compile_plan(spec_of(), inventory(), "2013-06-01").ingest.mode == "memory"


def test_auto_trains_in_this_process_and_takes_a_worker_for_each_gpu_share():
    made = compile_plan(spec_of(), inventory(node(cpus=16.0)), "2013-06-01")
    assert (made.fit.workers, made.fit.why) == (0, "more workers would not be quicker")
    gpus = compile_plan(spec_of({"resources.per_worker.gpus": 0.5}), inventory(node(cpus=16.0, gpus=2.0)), "2013-06-01")
    assert gpus.fit.workers == 4
