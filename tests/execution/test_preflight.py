"""Reports of nodes are compared: every problem of every node at once, and what to do about each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raytemplate.data.sources.storage import Storage
from raytemplate.execution.preflight import (
    NodeReport,
    Question,
    leave_mark,
    packages_of,
    problems,
    report,
    take_marks,
    to_connect,
    versions,
)
from raytemplate.testing import sample_plans

HERE = {"python": "3.11.7", "ray": "2.60.0", "torch": "2.13.0+cpu", "numpy": "2.4.0", "pyarrow": "25.0.1",
        "raytemplate": "1.0.0", "code": "abc", "lightgbm": "4.7.0", "xgboost-cpu": "3.2.0"}  # fmt: skip
GOOD = NodeReport(node="10.0.0.2", name="beta", addresses=("10.0.0.2",), versions=HERE)
FOLDER = "/shared/runs/x"


def planned(workers=2):
    return sample_plans.sample_plan(fit=sample_plans.sample_fit_stage(workers=workers))


def told(*reports, workers=2, **more):
    found = problems(planned(workers), reports, HERE, folder=FOLDER, needs=("lightgbm", "xgboost"), **more)
    return [f"{one.node}: {one.what}" for one in found]


def other(**versions_there):
    return replace(GOOD, versions=HERE | versions_there)


FAULTS = {
    "no folder": (replace(GOOD, folder="is not there"), f"{FOLDER} is not there"),
    "another folder": (replace(GOOD, folder="is another folder there"), f"{FOLDER} is another folder there"),
    "no data": (replace(GOOD, data="no such file"), "no such file"),
    "loopback": (replace(GOOD, addresses=("127.0.1.1",)), "its own name, beta, is 127.0.1.1 there"),
    "loopback of IPv6": (replace(GOOD, addresses=("::1",)), "its own name, beta, is ::1 there"),
    "no address": (replace(GOOD, addresses=()), "its own name, beta, has no address there"),
    "no answer": (replace(GOOD, error="did not answer"), "did not answer"),
    "another Python": (other(python="3.12.1"), "python 3.12, here it is 3.11"),
    "another ray": (other(ray="2.59.0"), "ray 2.59.0, here it is 2.60.0"),
    "no torch": (other(torch=""), "torch is not installed, here it is 2.13.0"),
    "another library of the family": (other(lightgbm="4.6.0"), "lightgbm 4.6.0, here it is 4.7.0"),
    "another build's version": (other(**{"xgboost-cpu": "3.1.0"}), "xgboost 3.1.0, here it is 3.2.0"),
    "other code": (other(code="def"), "raytemplate 1.0.0 has other code there than here"),
}


@pytest.mark.parametrize(("one", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_a_node_is_told_with_its_address_and_name(one, words):
    (said,) = told(one)
    assert said.startswith("node 10.0.0.2 (beta): ") and words in said


@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("is not there", "let every node see that folder under the same path"),
        (
            "cannot be written: Read-only file system",
            "let every node see that folder under the same path and write to it",
        ),
    ],
)
def test_the_remedy_is_of_what_is_wrong_with_the_folder(what, remedy):
    (one,) = problems(planned(), [replace(GOOD, folder=what)], HERE, folder=FOLDER)
    assert (one.what, one.remedy) == (f"{FOLDER} {what}", remedy)


SOUND = {
    "as here": GOOD,
    "another patch of Python": other(python="3.11.9"),
    "another build": other(torch="2.13.0+cu126"),
    "the other package of a library": replace(
        GOOD, versions={k: v for k, v in HERE.items() if k != "xgboost-cpu"} | {"xgboost": "3.2.0"}
    ),
    "a second address": replace(GOOD, addresses=("127.0.1.1", "10.0.0.2")),
    "what this run does not need": other(mlflow="1.0"),
}


@pytest.mark.parametrize("one", SOUND.values(), ids=SOUND)
def test_a_sound_node_is_not_told_of(one):
    assert told(one) == []


def test_names_matter_only_to_workers_that_look_for_each_other():
    loopback, nameless = replace(GOOD, addresses=("127.0.1.1",)), replace(GOOD, addresses=())
    assert [len(told(loopback, workers=n)) for n in (0, 1, 2)] == [0, 0, 1]
    assert [len(told(nameless, workers=n)) for n in (0, 1, 2)] == [0, 1, 1]


def test_several_raylets_of_one_machine_reach_each_other_at_its_loopback():
    loopback = replace(GOOD, addresses=("127.0.1.1",))
    assert told(loopback, loopback) == []
    other_machine = replace(loopback, node="10.0.0.3", name="gamma")
    assert len(told(loopback, other_machine)) == 2


def test_all_problems_of_all_nodes_are_told_in_the_order_of_the_nodes():
    third = replace(
        GOOD, node="10.0.0.3", name="gamma", addresses=("10.0.0.3",), folder="is not there", data="no such file"
    )
    first = replace(GOOD, node="10.0.0.1", name="alpha", addresses=("192.168.0.9",))
    said = told(third, other(ray="1.0"), first, unseen=["10.0.0.2"], unreached=["10.0.0.1"])
    assert [line.split()[1] for line in said] == ["10.0.0.1", *["10.0.0.2"] * 2, *["10.0.0.3"] * 2]
    assert to_connect([third, replace(GOOD, addresses=("127.0.1.1",)), first]) == (("10.0.0.1", "192.168.0.9"),)


def test_packages_of_every_family_that_a_sweep_chooses_from_are_compared():
    arms = tuple(replace(sample_plans.sample_fit_stage(), family=name) for name in ("linear", "lightgbm", "xgboost"))
    swept = sample_plans.sample_plan(sweep=replace(sample_plans.sample_sweep_stage(), arms=arms))
    assert {"lightgbm", "xgboost"} <= set(packages_of(swept)) and not set(packages_of(planned())) & {"lightgbm"}


def asked(folder, data, size):
    return Question(folder=str(folder), token="t0", data=str(data), size_bytes=size, storage=Storage())


def test_a_node_that_sees_all_reports_nothing_and_leaves_nothing(tmp_path):
    folder, data = tmp_path / "run", tmp_path / "a.parquet"
    folder.mkdir()
    data.write_bytes(b"12345")
    leave_mark(str(folder), "t0")
    found = report("10.0.0.2", asked(folder, data, 5))
    assert (found.folder, found.data, found.versions) == ("", "", versions())
    assert take_marks(str(folder), "t0", ["10.0.0.2", "fe80::1"]) == ("fe80::1",)
    assert list(folder.iterdir()) == []


def test_a_node_says_what_it_does_not_see(tmp_path):
    data = tmp_path / "a.parquet"
    found = report("10.0.0.2", asked(tmp_path / "run", data, 5))
    assert found.folder == "is not there" and found.data.startswith("cannot be read: No such file")
    (tmp_path / "run").mkdir()
    data.write_bytes(b"123456")
    found = report("10.0.0.2", asked(tmp_path / "run", data, 5))
    assert found.folder == "is a different folder there: it lacks the file that was written here"
    assert found.data == "has 6 bytes there and 5 where it was planned"
    assert list((tmp_path / "run").iterdir()) == []
