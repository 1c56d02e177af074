"""docs/serving.md is what happens: each of its servers is started as the page says, and asked for a prediction."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from command_line import environment, here
from small_flights import AS_OF, MODEL, SHIPPED, as_sets, write_demo

from raytemplate import api

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
START_S = 120.0
REPLICAS = """
import sys
from ray import serve
serve.start(http_options={"port": int(sys.argv[1])})
import replicas
serve.run(replicas.app, blocking=True)
"""


@pytest.fixture(scope="module")
def served(one_ray, tmp_path_factory, flights):
    """A folder with a champion and the programs of the page."""
    folder = write_demo(tmp_path_factory.mktemp("served") / "demo", flights)
    ran = here("run", SHIPPED.name, "--as-of", AS_OF, *as_sets(), cwd=folder)
    assert ran.returncode == 0, ran.stderr
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        (folder / block.split("\n")[0].removeprefix("# ")).write_text(block)
    return folder


@pytest.fixture(scope="module")
def rows(served):
    """The example that MLflow has of a request, as rows."""
    [found] = served.glob(".raytemplate/mlartifacts/**/serving_input_example.json")
    example = json.loads(found.read_text())["dataframe_split"]
    return [dict(zip(example["columns"], row, strict=True)) for row in example["data"]]


@pytest.fixture(scope="module")
def expected(served, rows):
    import pandas as pd

    return api.model(f"{MODEL}@champion", workspace=str(served)).predict(pd.DataFrame(rows))["prediction"].tolist()


def commands():
    return re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)


def command(start):
    """The command of the page that begins so."""
    [found] = [line for line in commands() if line.startswith(start)]
    return found


@contextmanager
def server(line, folder, port, **env):
    """A process that answers on the port; ended afterwards, with all that it started."""
    log = folder / f"{port}.log"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # MLflow starts uvicorn by its name
    with log.open("wb") as sink:
        process = subprocess.Popen(
            line, cwd=folder, env=environment(PATH=path, **env), stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        until = time.monotonic() + START_S
        while not answers(port):
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield
    finally:
        with suppress(ProcessLookupError):  # it ended by itself, which the assertion has told
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def ask(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def programs(line, port, old):
    """The words of a command of the page, its program that of this environment."""
    name, *arguments = line.replace(f"--port {old}", f"--port {port}").split()
    assert str(port) in arguments
    return [str(Path(sys.executable).with_name(name)), *arguments]


def test_mlflow_serves_the_champion_and_downloads_its_example(served, rows, expected, port):
    uri = command("export MLFLOW_TRACKING_URI=").partition("=")[2].replace("$PWD", str(served))
    with server(programs(command("mlflow models serve"), port, 5001), served, port, MLFLOW_TRACKING_URI=uri):
        name, *arguments = command("mlflow artifacts").split()
        download = [str(Path(sys.executable).with_name(name)), *arguments]
        subprocess.run(download, cwd=served, env=environment(MLFLOW_TRACKING_URI=uri), check=True, capture_output=True)
        request = json.loads((served / "serving_input_example.json").read_text())
        answer = ask(port, "/invocations", request)
        by_records = ask(port, "/invocations", {"dataframe_records": rows})
    assert [one["prediction"] for one in answer["predictions"]] == pytest.approx(expected)
    assert answer == by_records


def test_a_service_with_fastapi_answers(served, rows, expected, port):
    with server(programs(command("uvicorn"), port, 8000), served, port):
        [answer] = ask(port, "/predict", rows)
    assert answer["prediction"] == pytest.approx(expected[0])
    assert (answer["model_version"], answer["carrier"]) == (1, rows[0]["carrier"])


@pytest.mark.skipif(importlib.util.find_spec("grpc_reflection") is None, reason='needs pip install "ray[serve]"')
def test_ray_serve_answers(served, rows, expected, port):
    with server([sys.executable, "-c", REPLICAS, str(port)], served, port):
        until = time.monotonic() + START_S
        while True:  # the proxy listens before the replicas are there
            try:
                [answer] = ask(port, "/", rows)
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.5)
    assert answer["prediction"] == pytest.approx(expected[0])


def test_the_page_shows_no_command_that_is_not_tried():
    known = ("export", "mlflow models serve", "mlflow artifacts", "curl", "uvicorn app:app", "serve run replicas:app")
    assert [line for line in commands() if not line.startswith(known)] == []
