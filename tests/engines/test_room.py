"""The number of workers that are started: as many as planned, and after a loss as many as there is room for."""

import pytest
from ray.train import ScalingConfig

from raytemplate.engines.ray.private.room import POLICY, fitting, room, room_policy
from raytemplate.engines.ray.private.switch import found

pytestmark = pytest.mark.usefixtures("private_parts")

ONE = {"CPU": 1.0}


@pytest.mark.parametrize(
    ("nodes", "each", "number"),
    [
        ([], ONE, 0),
        ([{"CPU": 2.0}, {"CPU": 1.0}], ONE, 3),
        ([{"CPU": 1.5}, {"CPU": 0.5}], ONE, 1),
        ([{"CPU": 0.3}], {"CPU": 0.1}, 3),
        ([{"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0}], {"CPU": 1.0, "GPU": 1.0}, 1),
        ([{"CPU": 8.0, "memory": 5e9}], {"CPU": 1.0, "memory": 2e9}, 2),
        (
            [{"CPU": 8.0, "GPU": 2.0, "accelerator_type:A100": 1.0}, {"CPU": 8.0, "GPU": 2.0}],
            {"CPU": 1.0, "GPU": 1.0, "accelerator_type:A100": 0.001},
            2,
        ),
        ([{"CPU": 2.0}], {"CPU": 1.0, "GPU": 0.0}, 2),
    ],
    ids=["nothing", "two nodes", "no part of a worker", "tenths", "GPUs", "memory", "a type of GPU", "none asked"],
)
def test_workers_fit_node_by_node(nodes, each, number):
    assert room(nodes, each) == number


class Client:
    def maybe_send_resource_request(self, *asked):
        pass


class Cluster:
    """Nodes with a CPU each; a loss removes some of them, and CPUs held by workers are not free."""

    def __init__(self, there, held=0):
        self.there, self.held = there, held

    def __call__(self, free):
        return [ONE] * (self.there - (self.held if free else 0))


def policy(planned, least, cluster):
    made = room_policy(*found(POLICY))(ScalingConfig(num_workers=planned, resources_per_worker=ONE), least, cluster)
    made._coordinator_client = Client()
    return made


def started(made):
    return made.make_decision_for_non_running_worker_group().num_workers


def test_the_planned_number_is_tried_first_and_then_what_there_is_room_for():
    made = policy(4, 2, Cluster(5, held=2))
    assert [started(made), started(made)] == [4, 3]


def test_after_a_loss_those_go_on_that_the_nodes_left_have_room_for():
    cluster = Cluster(4, held=4)
    made = policy(4, 2, cluster)
    assert started(made) == 4
    made.make_decision_for_running_worker_group(worker_group_state=None, worker_group_status=None)
    cluster.there = 3
    assert started(made) == 3
    made.make_decision_for_running_worker_group(worker_group_state=None, worker_group_status=None)
    cluster.there, cluster.held = 1, 0
    assert [started(made), started(made)] == [2, 2]  # fewer are not enough: it waits
    cluster.there = 4
    assert started(made) == 4


def test_a_fixed_number_waits_for_room():
    cluster = Cluster(4)
    made = policy(4, 4, cluster)
    made.make_decision_for_running_worker_group(worker_group_state=None, worker_group_status=None)
    cluster.there = 1
    assert [started(made), started(made)] == [4, 4]


@pytest.mark.parametrize(("least", "workers"), [(4, 4), (2, (2, 4))], ids=["a number", "a range"])
def test_without_private_parts_ray_has_its_own_range_and_no_workers_that_train_are_ended(plain, least, workers):
    given = {"scaling_config": ScalingConfig(num_workers=4, resources_per_worker=ONE), "datasets": {}}
    made = fitting(dict, given, least)
    assert made["scaling_config"].num_workers == workers
    assert made["scaling_config"].elastic_resize_monitor_interval_s > 1e8
    assert made["datasets"] == {} and given["scaling_config"].num_workers == 4
