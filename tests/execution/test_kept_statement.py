"""The in-toto statement that a run keeps when it has registered a version."""

import json
from datetime import UTC, datetime

import pytest

from raytemplate import api
from raytemplate.conducting.stating import keep_statement
from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import STATEMENT, Journal
from raytemplate.records.judged import VerdictRecord
from raytemplate.reports.listener import Listener
from raytemplate.store.workspace import Workspace
from raytemplate.testing.sample_runs import SampleRun, write_runs

WHEN = datetime(2013, 6, 1, tzinfo=UTC)


@pytest.fixture
def journals(tmp_path):
    workspace = Workspace(tmp_path)
    runs = (("promoted", ""), ("waiting", ""), ("", ""))
    made = [SampleRun(run_id=f"r{n}", name="m", as_of=WHEN, started=WHEN, outcome=o) for n, (o, _) in enumerate(runs)]
    write_runs(workspace, made)
    found = [Journal(workspace.runs / run.run_id) for run in made]
    for journal in found:
        keep_statement(journal, workspace, Listener())
    return found


def test_it_is_kept_with_a_version_and_given_out_byte_for_byte(journals, tmp_path):
    kept = [journal.bytes_of(STATEMENT) for journal in journals]
    subjects = [json.loads(each)["subject"][0]["name"] if each else "" for each in kept]
    assert subjects == ["m/1", "m/2", ""]
    assert [api.statement(journal.run_id, workspace=str(tmp_path)) for journal in journals[:2]] == kept[:2]
    assert api.statement("m/2", workspace=str(tmp_path)) == kept[1]
    rejected = json.loads(api.statement("r2", workspace=str(tmp_path)))
    assert rejected["subject"][0]["name"] == "run r2 of m"


def test_an_edited_one_is_refused_and_one_from_before_the_last_record_is_made_again(journals, tmp_path):
    path = journals[0].folder / STATEMENT
    before = path.read_bytes()
    path.write_bytes(before.replace(b"m/1", b"m/7"))
    with pytest.raises(IntegrityError, match=r"lineage\.json: was changed"):
        api.statement("r0", workspace=str(tmp_path))
    journals[0].write(journals[1].need(VerdictRecord))
    now = api.statement("r0", workspace=str(tmp_path))
    assert now != before and json.loads(now)["subject"] == json.loads(before)["subject"]
