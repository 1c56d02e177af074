"""Runs as OpenLineage events: what they tell, and that no server can hold a run up."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from openlineage.client import event_v2

from raytemplate.conducting.exporting import exported
from raytemplate.data.features.fitted import FeatureSet
from raytemplate.data.masking import Mask
from raytemplate.errors import Interrupted, TrainingFailed
from raytemplate.execution.journal import LOCK, Journal
from raytemplate.execution.lock import read_lock
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.store.workspace import Workspace
from raytemplate.testing.fakes import Heard
from raytemplate.testing.sample_runs import SampleRun, write_runs

WHEN = datetime(2013, 6, 1, tzinfo=UTC)
COLUMNS = (("time_hour", "timestamp[us, tz=UTC]"), ("carrier", "string"), ("origin", "string"), ("air_time", "double"))


@pytest.fixture
def journal(tmp_path):
    workspace = Workspace(tmp_path)
    write_runs(workspace, [SampleRun(run_id="k7q2", name="flights", as_of=WHEN, started=WHEN)])
    found = Journal(workspace.runs / "k7q2")
    lock = read_lock(found)
    ingest = replace(
        lock.plan.ingest,
        root="/demo",
        columns=("time_hour", "carrier", "air_time"),
        source_columns=COLUMNS,
        mask=Mask(rules=Settings({"carrier": "hash"})),
    )
    resolved = Settings({**lock.resolved, "data": {"source": "data/flights/*.parquet"}})
    found.keep(LOCK, codec.dumps(replace(lock, plan=replace(lock.plan, ingest=ingest), resolved=resolved)))
    return found


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@contextmanager
def server(answers):
    """A server that answers every request so, with what it has received."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers.get("Authorization"), json.loads(body)))
            self.send_response(answers)
            self.end_headers()

        def log_message(self, *said):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}", got
        found.shutdown()


def test_a_file_gets_an_event_when_a_run_begins_and_one_when_it_ends(journal, tmp_path):
    with exported(str(tmp_path / "events.ndjson"), journal, Heard()):
        pass
    first, last = read(tmp_path / "events.ndjson")
    assert (first["eventType"], last["eventType"]) == ("START", "COMPLETE")
    assert first["run"]["runId"] == last["run"]["runId"] and last["job"]["name"] == "flights"
    (data,), (model,) = last["inputs"], last["outputs"]
    assert (data["namespace"], data["name"]) == ("file", "/demo/data/flights")
    assert data["facets"]["version"]["datasetVersion"] == data["facets"]["raytemplate_snapshot"]["digest"]
    assert data["inputFacets"]["inputStatistics"]["rowCount"] == 166_054
    fields = [(one["name"], one["type"], one.get("description")) for one in data["facets"]["schema"]["fields"]]
    assert fields[1:] == [("carrier", "string", "masked: hashed"), ("air_time", "double", None)]
    assert (model["name"], model["facets"]["version"]["datasetVersion"]) == ("models/flights", "1")
    assert last["run"]["facets"]["raytemplate_run"]["run"] == "k7q2"


def test_a_feature_set_that_was_taken_is_an_input(journal, tmp_path):
    taken = FeatureSet(
        model="air-time", version=3, digest="a" * 64, model_digest="d" * 64, features=(), gaps=(), num_columns=2,
        seen_until=WHEN,
    )  # fmt: skip
    lock = read_lock(journal)
    plan = replace(lock.plan, ingest=replace(lock.plan.ingest, taken=taken))
    journal.keep(LOCK, codec.dumps(replace(lock, plan=plan)))
    with exported(str(tmp_path / "events.ndjson"), journal, Heard()):
        pass
    inputs = read(tmp_path / "events.ndjson")[-1]["inputs"]
    assert [(one["name"], one["facets"]["version"]["datasetVersion"]) for one in inputs[1:]] == [
        ("features/air-time", "3")
    ]


def test_the_clients_own_classes_accept_an_event(journal, tmp_path):
    with exported(str(tmp_path / "events.ndjson"), journal, Heard()):
        pass
    for told in read(tmp_path / "events.ndjson"):
        again = event_v2.RunEvent(
            eventTime=told["eventTime"],
            producer=told["producer"],
            eventType=event_v2.RunState(told["eventType"]),
            run=event_v2.Run(**told["run"]),
            job=event_v2.Job(**told["job"]),
            inputs=[event_v2.InputDataset(**one) for one in told["inputs"]],
            outputs=[event_v2.OutputDataset(**one) for one in told["outputs"]],
        )
        assert again.schemaURL == told["schemaURL"]
        facets = [one for part in ("run", "job") for one in told[part]["facets"].values()]
        facets += [one for data in told["inputs"] + told["outputs"] for one in data["facets"].values()]
        assert len(facets) > 5 and all({"_producer", "_schemaURL"} < {*one} for one in facets)


ENDS = {
    "FAIL": (
        TrainingFailed("the loss at postgres://ada:hunter22@db is not a number"),
        "TrainingFailed, exit code 9; the records of the run have its text",
    ),
    "ABORT": (Interrupted("interrupted: nothing was promoted"), "nothing was promoted"),
}


@pytest.mark.parametrize("state", ENDS)
def test_a_run_that_does_not_end_well_says_so_without_values_or_secrets(state, journal, tmp_path):
    error, told = ENDS[state]
    with pytest.raises(type(error)), exported(str(tmp_path / "events.ndjson"), journal, Heard()):
        raise error
    last = read(tmp_path / "events.ndjson")[-1]
    message = last["run"]["facets"]["errorMessage"]["message"]
    assert (last["eventType"], message.endswith(told), "hunter22" in message) == (state, True, False)


def test_a_server_gets_the_same_events_with_its_key(journal, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "a key that nobody knows")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "prod")
    heard = Heard()
    with server(200) as (url, got), exported(url, journal, heard):
        pass
    assert [(path, key) for path, key, _ in got] == [("/api/v1/lineage", "Bearer a key that nobody knows")] * 2
    assert [event["job"]["namespace"] for *_, event in got] == ["prod", "prod"] and heard.said == []


def test_a_server_that_refuses_is_told_of_once(journal):
    heard = Heard()
    with server(500) as (url, got), exported(url, journal, heard):
        pass
    told = f"note: warning: 2 of 2 OpenLineage events were not sent to {url}: the server answered 500"
    assert len(got) == 2 and len(heard.said) == 1 and heard.said[0].startswith(told)


def test_a_server_that_never_answers_holds_a_run_up_for_seconds_only(journal):
    heard = Heard()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://ada:hunter22@127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(Interrupted), exported(url, journal, heard):
            raise Interrupted("interrupted")
    assert time.monotonic() - began < 2.5
    assert len(heard.said) == 1 and heard.said[0].endswith(": no answer within 1 s") and "hunter22" not in heard.said[0]


NOWHERE = {
    "/no/such/folder/e.ndjson": " to /no/such/folder/e.ndjson: Failed to write to log file `/no/such/folder/e.ndjson`",
    "http://127.0.0.1:9": " to http://127.0.0.1:9: the server cannot be reached",
    "secret:env:NOT_SET": ": tracking.openlineage: the environment variable NOT_SET is not set",
}


@pytest.mark.parametrize("to", NOWHERE)
def test_what_cannot_be_reached_is_a_warning(to, journal):
    heard = Heard()
    with exported(to, journal, heard):
        pass
    (said,) = heard.said
    assert said.startswith(f"note: warning: 2 of 2 OpenLineage events were not sent{NOWHERE[to]}")
