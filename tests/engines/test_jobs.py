"""If a Jobs API does not answer, or something else does, one clear line says so, soon."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from deaf_server import deaf_server

from raytemplate.engines.ray.jobs import client as jobs
from raytemplate.errors import Unavailable


class Page(BaseHTTPRequestHandler):
    """A web server that is not a Jobs API."""

    status, text = 200, b"<html>welcome</html>"

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, format, *arguments):  # noqa: A002
        pass


class Broken(Page):
    status = 500
    text = b"Traceback (most recent call last):\n  File x\nConnectionError: no GCS"


def served(handler):
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize(
    ("handler", "words"),
    [(Page, "answers, but not as a Jobs API does"), (Broken, "answers with status 500")],
    ids=["another web server", "one that is broken"],
)
def test_who_answers_otherwise_is_said_in_our_words(handler, words):
    server = served(handler)
    with pytest.raises(Unavailable) as failed:
        jobs.Jobs(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    assert failed.value.what == f"the cluster at http://127.0.0.1:{server.server_port} {words}"


def test_nobody_there_is_said_at_once():
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"^the cluster at http://127\.0\.0\.1:1 does not answer"):
        jobs.Jobs("http://127.0.0.1:1")
    assert time.monotonic() - began < 5


def test_one_that_takes_the_question_and_never_answers_is_not_waited_for(monkeypatch, private_parts):
    monkeypatch.setattr(jobs, "_ANSWER_LIMIT_S", 0.5)
    with deaf_server() as port, pytest.raises(Unavailable, match="does not answer") as failed:
        jobs.Jobs(f"http://127.0.0.1:{port}")
    assert "HTTPConnectionPool" not in failed.value.what


def test_the_trace_of_a_clusters_own_process_is_cut_to_what_was_raised():
    error = RuntimeError("Request failed with status code 500: Traceback (most recent call last):\n  x\nGcsDown: gone.")
    assert jobs._in_words(error) == "answers with status 500: GcsDown: gone."


@pytest.mark.parametrize("variable", ["RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"])
def test_the_address_that_was_given_is_asked_whatever_rays_own_variables_name(monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:2")
    with pytest.raises(Unavailable, match=r"^the cluster at http://127\.0\.0\.1:1 does not"):
        jobs.Jobs("http://127.0.0.1:1")
    server = served(Page)
    with pytest.raises(Unavailable, match="not as a Jobs API does"):
        jobs.Jobs(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
