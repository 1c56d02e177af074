"""A plan that says "fits" starts: compile against an oracle that puts bundles on nodes one by one."""

import time
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_inventory import inventory, node, spec_of

from raytemplate.errors import PlanError, SpecError
from raytemplate.planning.compile import compile as compile_plan

GB = 10**9
CPUS, GPUS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 4.0]), st.sampled_from([0.0, 1.0, 2.0, 4.0])
NODES = st.lists(
    st.builds(
        node,
        cpus=CPUS,
        gpus=GPUS,
        memory_bytes=st.sampled_from([4 * GB, 8 * GB, 16 * GB]),
        accelerator=st.sampled_from(["", "A100", "T4"]),
    ),
    min_size=1,
    max_size=4,
)
ASKED = st.fixed_dictionaries(
    {
        "resources.workers": st.sampled_from([1, 2, 3, 5, 8, "1..4", "2..8", "3..3"]),
        "resources.per_worker.cpus": st.sampled_from([0.1, 0.3, 0.5, 1, 1.5, 2]),
        "resources.per_worker.gpus": st.sampled_from([0, 0.3, 0.5, 0.6, 1, 2]),
        "resources.per_worker.memory": st.sampled_from(["1 GB", "3 GB", "9 GB"]),
        "resources.per_worker.accelerator": st.sampled_from(["", "", "A100"]),
        "data.ingest": st.sampled_from(["memory", "stream"]),
    }
)


def places(there, fit, num_workers):
    """Whether this many bundles and, for a stream, one task of one CPU fit; tries every way to do it."""
    cpus, gpus = Fraction(str(fit["cpus"])), Fraction(str(fit["gpus"]))

    def put(one):
        """The node with one more bundle on it, or None."""
        free_cpus, free_gpus, memory, kind = one
        if free_cpus < cpus or memory < fit["memory"] or fit["accelerator"] not in ("", kind):
            return None
        left = list(free_gpus)
        if gpus >= 1:
            whole = [i for i, share in enumerate(left) if share == 1]
            if len(whole) < gpus:
                return None
            for i in whole[: int(gpus)]:
                left[i] = Fraction(0)
        elif gpus:
            i = next((i for i, share in enumerate(left) if share >= gpus), None)
            if i is None:
                return None
            left[i] -= gpus
        return (free_cpus - cpus, tuple(sorted(left, reverse=True)), memory - fit["memory"], kind)

    @cache
    def search(state, missing):
        if not missing:
            return not fit["stream"] or any(one[0] >= 1 for one in state)
        for i, one in enumerate(state):
            more = put(one)
            if more is not None and search((*state[:i], more, *state[i + 1 :]), missing - 1):
                return True
        return False

    start = tuple((Fraction(str(n.cpus)), (Fraction(1),) * int(n.gpus), n.memory_bytes, n.accelerator) for n in there)
    return search(start, num_workers)


def bundle(changes):
    per = "resources.per_worker."
    return {
        "cpus": changes[per + "cpus"],
        "gpus": changes[per + "gpus"],
        "accelerator": changes[per + "accelerator"],
        "memory": int(changes[per + "memory"].split()[0]) * GB,
        "stream": changes["data.ingest"] == "stream",
    }


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(there=NODES, changes=ASKED)
def test_a_plan_that_says_fits_starts_and_what_is_refused_would_wait_for_ever(there, changes):
    asked = changes["resources.workers"]
    least, most = (int(n) for n in asked.split("..")) if isinstance(asked, str) else (asked, asked)
    try:
        plan = compile_plan(spec_of(changes), inventory(*there), "2013-06-01")
    except (PlanError, SpecError):
        nonsense = changes["resources.per_worker.accelerator"] and not changes["resources.per_worker.gpus"]
        readable = any(n.cpus >= 1 for n in there)
        assert nonsense or not readable or not places(there, bundle(changes), least)
    else:
        assert least <= plan.fit.workers <= most
        assert any(n.cpus >= 1 for n in there)
        assert places(there, bundle(changes), plan.fit.workers)
        assert plan.fit.workers == most or not places(there, bundle(changes), plan.fit.workers + 1)


def test_a_range_takes_as_many_as_fit_and_says_so():
    made = compile_plan(spec_of({"resources.workers": "2..8"}), inventory(node(cpus=5.0)), "2013-06-01")
    assert (made.fit.workers, made.fit.why) == (5, "as many of 2 to 8 as fit")


@pytest.mark.parametrize("text", ["8..2", "0..2", "2...8", "2-8", "two"])
def test_a_range_that_is_none_is_named(text):
    with pytest.raises(SpecError, match=r"a range such as 2\.\.8"):
        spec_of({"resources.workers": text})


def test_a_thousand_nodes_compile_within_two_seconds():
    there = [node(name=f"n{i}", cpus=16.0, gpus=8.0, accelerator="A100") for i in range(1000)]
    spec = spec_of(
        {
            "resources.workers": "1..8000",
            "resources.per_worker.gpus": 1,
            "data.ingest": "stream",
            "resources.per_worker.accelerator": "A100",
        }
    )
    started = time.monotonic()
    made = compile_plan(spec, inventory(*there), "2013-06-01")
    assert time.monotonic() - started < 2
    assert made.fit.workers == 8000
