"""A Ray that is already running: failing to connect to it raises in the thread that waits for it."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from deaf_server import deaf_server

from raytemplate.engines.ray.clusters import attached
from raytemplate.engines.ray.clusters.cluster import LocalRay
from raytemplate.errors import EngineError, Unavailable, UsageError


def test_an_address_of_the_jobs_api_is_refused():
    with pytest.raises(UsageError, match="expected auto or host:port"):
        attached.AttachedRay("http://head:8265").start().wait()


def test_whatever_else_goes_wrong_does_not_pass_for_a_connection(monkeypatch):
    def connect(address):
        raise TimeoutError("nobody came")

    monkeypatch.setattr(attached, "connect", connect)
    ray = attached.AttachedRay("auto").start()
    with pytest.raises(EngineError, match="could not be connected to: TimeoutError: nobody came"):
        ray.wait()
    ray.stop()


def test_a_cluster_without_a_node_is_no_inventory():
    with pytest.raises(Unavailable, match="http://head:8265 has no node that is alive"):
        attached.cluster_of((), "http://head:8265")


def test_who_listens_and_is_no_head_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(attached, "_ANSWER_LIMIT_S", 0.5)
    page = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    with deaf_server() as deaf:
        for port in (deaf, page.server_port):
            with pytest.raises(Unavailable, match=f"no Ray answers at 127.0.0.1:{port}: .* is not a Ray head"):
                attached.refuse_silence(f"127.0.0.1:{port}")
    page.shutdown()


def test_an_error_of_ours_on_the_way_to_a_ray_of_our_own_passes_as_it_is(monkeypatch):
    told = UsageError("locks/ray: cannot be written: No such file or directory")

    def init(_):  # if this process is connected to a Ray, none is started and no lock is taken
        raise told

    monkeypatch.setattr(LocalRay, "_init", init)
    ray = LocalRay(num_cpus=1, object_store_bytes=100_000_000).start()
    with pytest.raises(UsageError) as failed:
        ray.wait()
    ray.stop()
    assert failed.value is told


def test_whatever_else_a_ray_of_our_own_fails_with_is_told_with_its_type(monkeypatch):
    def init(_):
        raise KeyError("x")

    monkeypatch.setattr(LocalRay, "_init", init)
    ray = LocalRay(num_cpus=1, object_store_bytes=100_000_000).start()
    with pytest.raises(EngineError, match=r"^ray: did not start: KeyError: 'x'$"):
        ray.wait()
    ray.stop()
