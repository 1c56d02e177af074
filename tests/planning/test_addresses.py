"""Which command accepts which address, and how the others are refused."""

from __future__ import annotations

import pytest

from raytemplate.errors import UsageError
from raytemplate.planning.addresses import command_for, refuse_jobs_api, refuse_other_than_jobs_api
from raytemplate.reports.explain import explain
from raytemplate.testing import sample_plans

DRIVEN = ["", "auto", "head:6379", "10.0.0.1:6379"]
SENT = ["http://head:8265", "https://cluster.example", "http://[::1]:8265"]
NEITHER = ["ray://head:10001", "ftp://head"]
NO_JOBS = [*DRIVEN, *NEITHER, "http://", "http://me:secret@head:8265", "http://head:port", "http://head:0"]


@pytest.mark.parametrize(("address", "command"), [*((a, "run") for a in DRIVEN), *((a, "submit") for a in SENT)])
def test_a_plan_ends_with_the_command_that_takes_its_address(address, command):
    assert command_for(address) == command
    tail = f"--set a=1 --address {address}"
    last = explain(sample_plans.sample_plan(), file="f.yaml", command_tail=tail, address=address).splitlines()[-1]
    assert last == f"  raytemplate {command} f.yaml {tail}".rstrip()


def test_a_plan_for_a_cluster_says_what_submitting_needs():
    said = explain(sample_plans.sample_plan(), file="f.yaml", address=SENT[0]).split("\n\n")[-1]
    lacks = "" if sample_plans.sample_plan().promote.storage else " It needs a folder"
    assert said.startswith(f"Nothing was started.{lacks}")


@pytest.mark.parametrize("address", [*SENT, *NEITHER])
def test_an_address_that_cannot_be_driven_from_here_is_refused(address):
    with pytest.raises(UsageError, match="expected auto or host:port") as refused:
        refuse_jobs_api(address, "raytemplate submit f.yaml")
    assert refused.value.next_step.startswith("raytemplate submit" if address in SENT else "--address HOST:PORT")


@pytest.mark.parametrize("address", NO_JOBS)
def test_an_address_that_takes_no_jobs_is_refused_without_repeating_a_password(address):
    with pytest.raises(UsageError, match=r"http://head:8265") as refused:
        refuse_other_than_jobs_api(address)
    assert "secret" not in refused.value.what


@pytest.mark.parametrize("address", SENT)
def test_a_jobs_api_is_taken(address):
    refuse_other_than_jobs_api(address)
