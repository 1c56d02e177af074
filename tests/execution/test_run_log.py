"""`log.jsonl`: one schema for every line, however a run ends."""

import json
from datetime import datetime

import pytest
from fake_runs import FakeRun

from raytemplate.errors import DataError, Interrupted
from raytemplate.execution.run_log import logged, read_log
from raytemplate.testing.fakes import FakeEngine


def lines_of(run: FakeRun) -> list[dict]:
    return [json.loads(line) for line in "".join(read_log(run.journal)).splitlines()]


def execute(run: FakeRun, engine: FakeEngine) -> list[dict]:
    with logged(run.journal, run.heard) as heard:
        heard.started(run.plan, run.journal.run_id)
        heard.note("hello")
        run.execute(engine, listener=heard)
    return lines_of(run)


def test_lines_of_a_run_have_one_schema_and_tell_its_story(tmp_path):
    run = FakeRun(tmp_path)
    lines = execute(run, FakeEngine())
    assert {tuple(line) for line in lines} == {("time", "level", "run", "stage", "event", "fields")}
    assert {line["run"] for line in lines} == {run.journal.run_id} and {line["level"] for line in lines} == {"info"}
    told = [(line["event"], line["stage"]) for line in lines]
    assert told == [
        ("run started", ""),
        ("note", ""),
        ("stage started", "ingest"),
        ("stage ended", "ingest"),
        ("stage started", "fit"),
        *[("epoch", "fit")] * 3,
        ("stage ended", "fit"),
        ("stage started", "evaluate"),
        ("stage ended", "evaluate"),
        ("stage started", "govern"),
        ("stage ended", "govern"),
        ("run ended", ""),
    ]
    times = [datetime.fromisoformat(line["time"]) for line in lines]
    assert times == sorted(times)
    assert lines[-2]["fields"]["gates"] == {"metric-limit": "pass", "beats-champion": "skip"}
    assert lines[-1]["fields"]["state"] == "approved" and lines[-1]["fields"]["exit_code"] == 0
    assert run.heard.said[0] == "started" and "epoch 3" in run.heard.said, "the listener behind it hears all"


@pytest.mark.parametrize(
    ("error", "level", "fields"),
    [
        (DataError("f.parquet: torn"), "error", {"error": "DataError", "what": "f.parquet: torn", "exit_code": 2}),
        (Interrupted(terminated=True), "warning", {"error": "Interrupted", "exit_code": 143}),
        (ZeroDivisionError("by zero"), "error", {"error": "ZeroDivisionError", "what": "by zero"}),
    ],
    ids=["error", "terminated", "bug"],
)
def test_last_line_says_how_a_run_failed(tmp_path, error, level, fields):
    run = FakeRun(tmp_path)
    with pytest.raises(type(error)):
        execute(run, FakeEngine(crash={"fit": error}))
    last = lines_of(run)[-1]
    assert (last["event"], last["level"]) == ("run failed", level)
    assert fields.items() <= last["fields"].items()
